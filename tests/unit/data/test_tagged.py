"""Sentences with tags, in each form of file, and what is wrong with some."""

import json

import pytest

from unrolled.data.tagged import Columns, read_tagged
from unrolled.errors import DataError

SENTENCES = [["EU", "rejects", "German", "call"], ["Peter", "Blackburn"]]
TAGS = [["B-org", "O", "B-misc", "O"], ["B-per", "I-per"]]
UNIVERSAL = """# sent_id = 1
1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tdo\tdo\tAUX\tVBP\t_\t0\troot\t_\t_
2\tn't\tnot\tPART\tRB\t_\t1\tadvmod\t_\t_
2.1\tmeant\t_\tVERB\t_\t_\t_\t_\t_\t_

# sent_id = 2
1\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\t_
"""


def columns_of(between):
    lines = [
        "\n".join(f"{word}{between}NN{between}{tag}" for word, tag in zip(*one, strict=True))
        for one in zip(SENTENCES, TAGS, strict=True)
    ]
    return "-DOCSTART- -X- O\n\n" + "\n\n".join(lines) + "\n"


def table(with_name):
    rows = ["sentence,word,tag" if with_name else "word,tag"]
    for number, one in enumerate(zip(SENTENCES, TAGS, strict=True)):
        name = f"s{number}," if with_name else ""
        rows += [f"{name}{word},{tag}" for word, tag in zip(*one, strict=True)]
        rows += [] if with_name else [","]
    return "\n".join(rows) + "\n"


FILES = {
    "spaces.conll": columns_of(" "),
    "tabs.txt": columns_of("\t"),
    "lines.jsonl": "\n".join(
        json.dumps({"tokens": words, "tags": tags})
        for words, tags in zip(SENTENCES, TAGS, strict=True)
    ),
    "list.json": json.dumps(
        [{"words": w, "ner_tags": t} for w, t in zip(SENTENCES, TAGS, strict=True)]
    ),
    "gaps.csv": table(False),
    "named.csv": table(True),
}


@pytest.mark.parametrize("name", FILES)
def test_every_form_holds_the_same(tmp_path, name):
    path = tmp_path / name
    path.write_text(FILES[name])
    found = read_tagged(path)
    assert found.sentences == SENTENCES
    assert found.tags == TAGS
    assert found.scheme == "bio"
    bare = read_tagged(path, labelled=False)
    assert bare.sentences == SENTENCES
    assert bare.tags == []


def test_conllu_has_words_comments_and_named_columns(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text(UNIVERSAL)
    assert read_tagged(path).sentences == [["do", "n't"], ["go"]]
    assert read_tagged(path).tags == [["AUX", "PART"], ["VERB"]]
    assert read_tagged(path, Columns(tag="xpos")).tags == [["VBP", "RB"], ["VB"]]
    assert read_tagged(path, Columns(word="3", tag="8")).sentences == [["do", "not"], ["go"]]


def test_another_column_by_its_number(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(columns_of(" "))
    assert read_tagged(path, Columns(tag="2")).tags[1] == ["NN", "NN"]


def test_the_old_form_and_broken_tags_are_counted_and_written_anew(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("a I-x\nb B-x\n\nc B-x\n\nd B-y\ne I-x\n")
    found = read_tagged(path)
    assert found.tags == [["B-x", "B-x"], ["B-x"], ["B-y", "B-x"]]
    assert "2 of 3 sentences have tags that violate BIO" in " ".join(found.notes)


def test_what_lacks_a_tag_is_left_out_and_counted(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("a X\nb Y\n\nc\nd X\n\ne X\nf Y\n")
    found = read_tagged(path)
    assert found.sentences == [["a", "b"], ["e", "f"]]
    assert list(found.notes) == [
        "1 of 3 sentences lack a tag (the first at line 4) and were left out"
    ]
    path = tmp_path / "a.jsonl"
    path.write_text('{"tokens": ["a"], "tags": ["X"]}\n{"tokens": ["a", "b"], "tags": ["X"]}\n')
    found = read_tagged(path)
    assert len(found) == 1
    assert "1 of 2 lines differ in the number of tags and words (the first is line 2)" in next(
        iter(found.notes)
    )


@pytest.mark.parametrize(
    ("name", "text", "columns", "words"),
    [
        ("a.conll", "\n\n", {}, "has no sentence"),
        ("a.conll", "a\nb\n", {}, "no sentence has a tag for every word"),
        ("a.conll", "a X\n", {"tag": "5"}, "line 1 of"),
        ("a.conll", "a X\n", {"tag": "ner"}, "--tag must be the number of a column"),
        ("a.conll", "a X\n", {"sentence": "s"}, "--sentence names a column of a table"),
        ("a.conllu", UNIVERSAL, {"tag": "pos"}, "or one of id, form"),
        ("a.csv", "word,kind\na,X\n", {}, "name the one with the tags with --tag"),
        ("a.csv", "word,tag\na,X\n", {"word": "wrod"}, "did you mean 'word'"),
        ("a.jsonl", '["a"]\n', {}, "must be an object"),
        ("a.jsonl", '{"tokens": "a", "tags": "X"}\n', {}, "must be a list of texts"),
        ("a.jsonl", '{"tokens": ["a"]\n', {}, "line 1 of"),
    ],
)
def test_a_file_that_is_none_is_answered_in_a_sentence(tmp_path, name, text, columns, words):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_tagged(path, Columns(**columns))
    assert words in str(error.value)
