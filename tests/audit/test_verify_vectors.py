"""Published vectors, run on the verifier and on the writer both: two programs, one meaning.

Sources: Merkle trees, transparency-dev/merkle (Apache-2.0), as in ``test_merkle_tree``; canonical JSON, RFC 8785
sections 3.2.2, 3.2.3 and appendix B (IETF Trust, Revised BSD for code components); signed note, the example of Go's
golang.org/x/mod/sumdb/note (BSD-3-Clause), as in ``test_signed_note``.
"""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import canonical as writers
from gateway.audit import verify as verifier
from gateway.audit.log import merkle
from tests.audit.test_merkle_tree import CONSISTENCY_6_TO_8, INCLUSION_6_OF_8, LEAVES, ROOTS, some_leaves
from tests.audit.test_signed_note import GO_KEY, GO_NOTE

NUMBERS = [  # RFC 8785, appendix B: the bits of a number, and how it is written
    ("0000000000000000", "0"), ("8000000000000000", "0"), ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"), ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"), ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"), ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"), ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"), ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"), ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"), ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"), ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"), ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"), ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]  # fmt: skip
SAMPLE = (
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
    '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}'
)
SAMPLE_WRITTEN = (
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
    '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
)
NAMES = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]  # 3.2.3, in the order that it gives


@pytest.mark.parametrize("size", range(1, 9))
def test_roots(size: int) -> None:
    tree = verifier.Tree()
    tree.extend([verifier.leaf_hash(leaf) for leaf in LEAVES[:size]])

    assert tree.root().hex() == ROOTS[size - 1]


def test_proofs() -> None:
    leaf, path = merkle.leaf_hash(LEAVES[5]), [bytes.fromhex(step) for step in INCLUSION_6_OF_8]
    root, step = bytes.fromhex(ROOTS[7]), [bytes.fromhex(step) for step in CONSISTENCY_6_TO_8]

    for check in (verifier.check_inclusion, merkle.verify_inclusion):
        assert check(leaf, 5, 8, path, root)
        assert not check(leaf, 4, 8, path, root)
        assert not check(leaf, 5, 8, path[:-1], root)
        assert not check(leaf, 5, 8, [*path, root], root)
    for check in (verifier.check_consistency, merkle.verify_consistency):
        assert check(6, 8, step, bytes.fromhex(ROOTS[5]), root)
        assert not check(5, 8, step, bytes.fromhex(ROOTS[4]), root)
        assert not check(6, 8, step[:-1], bytes.fromhex(ROOTS[5]), root)


@given(new=st.integers(0, 70), data=st.data())
def test_both_programs_judge_every_consistency_alike(new: int, data: st.DataObject) -> None:
    leaves, old = some_leaves(new), data.draw(st.integers(0, new))
    roots = merkle.root_hash(leaves[:old]), merkle.root_hash(leaves)
    path = merkle.consistency_proof(leaves, old) if old else []

    for case in (path, path[:-1], [*path, roots[0]], path[::-1]):
        assert verifier.check_consistency(old, new, case, *roots) == merkle.verify_consistency(old, new, case, *roots)


@given(sizes=st.lists(st.integers(0, 40), max_size=5))
def test_blocks_make_the_tree_that_leaves_make(sizes: list[int]) -> None:
    leaves, tree, at = some_leaves(sum(sizes)), verifier.Tree(), 0
    for size in sizes:
        tree.extend(leaves[at : at + size])
        at += size

    assert (tree.size, tree.root()) == (len(leaves), merkle.root_hash(leaves))


@pytest.mark.parametrize(("bits", "written"), NUMBERS)
def test_numbers(bits: str, written: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))

    assert verifier.canonical([value]) == f"[{written}]".encode()


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_what_is_no_number_is_refused(bits: str) -> None:
    with pytest.raises(verifier.BadInput):
        verifier.canonical(struct.unpack(">d", bytes.fromhex(bits))[0])


def test_the_sample_of_the_rfc() -> None:
    assert verifier.canonical(json.loads(SAMPLE)) == SAMPLE_WRITTEN.encode()
    assert verifier.parse_canonical(SAMPLE_WRITTEN.encode(), fractions=True) == json.loads(SAMPLE)
    with pytest.raises(verifier.BadInput, match="canonical form"):
        verifier.parse_canonical(SAMPLE.encode(), fractions=True)


def test_the_order_of_names() -> None:
    value = {name: 1 for name in sorted(NAMES)}

    for write in (verifier.canonical, writers.canonical):
        assert list(json.loads(write(value))) == NAMES


@given(
    st.recursive(st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(), st.lists, max_leaves=9)
)
def test_both_programs_write_alike(value: object) -> None:
    try:
        written = writers.canonical(value)
    except UnicodeEncodeError:
        with pytest.raises(verifier.BadInput):
            verifier.canonical(value)
        return
    assert verifier.canonical(value) == written


def test_a_note_of_another_implementation() -> None:
    note, keys = verifier.parse_note(GO_NOTE.encode()), verifier.Keys([GO_KEY])

    assert keys.signers(note, "PeterNeumann") == keys.known
    assert keys.signers(note, "SomebodyElse") == []
    with pytest.raises(verifier.BadInput, match="no valid signature"):
        keys.signers(verifier.parse_note(GO_NOTE.replace("know", "see").encode()), "PeterNeumann")


@pytest.mark.parametrize(
    "key", ["", "a", "a+b", "a+00000000+AA==", GO_KEY.replace("c74f20a3", "c74f20a4"), f"x{GO_KEY}"]
)
def test_a_malformed_key_is_refused(key: str) -> None:
    with pytest.raises(verifier.BadKey):
        verifier.parse_key(key)
