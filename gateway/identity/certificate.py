"""Who a client certificate says its bearer is, once the TLS layer has proven it.

A subject travels where a request's ``authorization`` else would, as a type of its own: no header, whatever it says, is
ever one. It is the subject as RFC 4514 writes it, compared to the letter with what an account names.

Example::

    subject_of(pem)   # CertificateSubject("CN=press-shop,O=Beispiel AG,C=DE")
"""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509


class CertificateSubject(str):
    """The subject of a certificate that was proven. Nothing that a client wrote may become one."""

    __slots__ = ()


@lru_cache(maxsize=1024)
def subject_of(pem: str) -> CertificateSubject:
    """Return a certificate's subject. Raises ValueError: it is none."""
    return CertificateSubject(x509.load_pem_x509_certificate(pem.encode("ascii")).subject.rfc4514_string())
