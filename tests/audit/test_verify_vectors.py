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


EMPTY = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")  # RFC 6962 2.1


def test_the_empty_tree_and_trees_of_one_leaf() -> None:
    one, other = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    pair = merkle.node_hash(one, other)

    assert verifier.Tree().root() == EMPTY
    for check in (verifier.check_consistency, merkle.verify_consistency):
        assert check(0, 0, [], EMPTY, EMPTY) and check(0, 5, [], EMPTY, pair) and check(1, 1, [], one, one)
        assert not check(0, 0, [], EMPTY, one) and not check(0, 1, [], one, one)
        assert not check(0, 1, [one], EMPTY, one) and not check(1, 1, [one], one, one)
        assert not check(1, 1, [], one, other) and not check(2, 1, [], pair, one) and not check(-1, 1, [], EMPTY, one)
        assert check(1, 2, [other], one, pair) and not check(1, 2, [], one, pair)
    for check in (verifier.check_inclusion, merkle.verify_inclusion):
        assert check(one, 0, 1, [], one) and check(other, 1, 2, [one], pair)
        assert not check(one, 0, 0, [], EMPTY) and not check(one, 1, 1, [], one) and not check(one, -1, 1, [], one)
        assert not check(one, 0, 1, [one], one)


@pytest.mark.parametrize("new", [3, 5, 6, 7, 11, 13])
def test_a_path_that_is_cut_elsewhere_is_none(new: int) -> None:
    """The same bytes in other pieces lead to the same root; RFC 9162 has hashes, all of one length."""
    leaves, old = some_leaves(new), 3
    path = merkle.consistency_proof(leaves, old) if new > old else []
    proof = merkle.inclusion_proof(leaves, 2)
    roots = merkle.root_hash(leaves[:old]), merkle.root_hash(leaves)
    short = bytes(31)

    assert verifier.check_consistency(old, new, path, *roots)
    assert verifier.check_inclusion(leaves[2], 2, new, proof, roots[1])
    for bad in (short, bytes(33), b""):
        assert not verifier.check_inclusion(leaves[2], 2, new, [*proof[:-1], bad], roots[1])
        assert not verifier.check_consistency(old, new, [*path[:-1], bad], *roots)
    whole = path[0] + path[1] if len(path) > 1 else b""
    assert not whole or not verifier.check_consistency(old, new, [whole[:31], whole[31:], *path[2:]], *roots)


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


@pytest.mark.parametrize("number", [2**53 - 1, 2**53, 295147905179352830000, -(2**53)])
def test_whole_numbers_that_a_double_holds_as_they_are_written(number: int) -> None:
    assert verifier.canonical([number]) == f"[{number}]".encode()


@pytest.mark.parametrize("number", [2**53 + 1, 2**60, 10**21, 10**400, -(2**53) - 1])
def test_whole_numbers_that_change_on_the_way_are_refused(number: int) -> None:
    with pytest.raises(verifier.BadInput, match="integer"):
        verifier.canonical(number)


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
    "note",
    [
        GO_NOTE.replace("\n\n", "\n"),  # no empty line
        GO_NOTE[:-1],  # the last line has no end
        GO_NOTE.replace("\u2014 ", "- "),
        GO_NOTE.replace("PeterNeumann ", ""),  # no name
        GO_NOTE.replace("PeterNeumann ", "Peter+Neumann "),
        GO_NOTE.replace("PeterNeumann ", "Peter\u00a0Neumann "),
        GO_NOTE + "\u2014 other AAAA\n",  # an id that is too short, and no signature
        GO_NOTE + "\u2014 other not-base64\n",
        GO_NOTE.replace("If", "\x01If", 1),
    ],
)
def test_a_malformed_note_is_refused(note: str) -> None:
    assert note != GO_NOTE
    with pytest.raises(verifier.BadInput):
        verifier.parse_note(note.encode())


def checkpoint(text: str) -> bytes:
    return f"{text}\n\u2014 x AAAAAAAA\n".encode()


def test_the_checkpoint_of_the_specification() -> None:
    """C2SP tlog-checkpoint (CC BY 4.0): its example, and lines of the log's own behind it."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

    head = verifier.parse_head(checkpoint(text))
    more = verifier.parse_head(checkpoint(f"{text}own line\n"))

    assert (head.origin, head.size, head.root.hex()[:8]) == ("example.com/behind-the-sofa", 20852163, "0ac5186a")
    assert (more.size, more.note.text) == (head.size, f"{text}own line\n")


@pytest.mark.parametrize("size", ["", "-1", "+1", "01", "1.0", "0x1", "9007199254740992", "\u0661"])
def test_a_checkpoint_whose_size_is_none_is_refused(size: str) -> None:
    root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="

    for text in (f"x\n{size}\n{root}\n", f"x\n1\n{root[:-4]}\n", f"x\n1\n{root[:-1]}\n", f"\n1\n{root}\n", "x\n1\n"):
        with pytest.raises(verifier.BadInput):
            verifier.parse_head(checkpoint(text))


@pytest.mark.parametrize(
    "key", ["", "a", "a+b", "a+00000000+AA==", GO_KEY.replace("c74f20a3", "c74f20a4"), f"x{GO_KEY}"]
)
def test_a_malformed_key_is_refused(key: str) -> None:
    with pytest.raises(verifier.BadKey):
        verifier.parse_key(key)
