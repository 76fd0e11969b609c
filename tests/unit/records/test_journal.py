"""The journal knows, after a crash at any moment, what may exist."""

from dataclasses import replace

from jupyter_awsgpu.records import Journal, JournalEntry

ENTRY = JournalEntry(
    launch_id="l-1", name="gpu", owner="1/user/bob", region="us-west-2", written=10.0, request={"ClientToken": "l-1-1"}
)


def test_a_request_without_an_answer_is_unanswered(tmp_path):
    """Between the journal line and EC2's answer, the entry says that something may exist."""
    journal = Journal(tmp_path)
    journal.write(ENTRY)
    assert journal.entries() == (ENTRY,)
    assert journal.entries()[0].unanswered


def test_an_answer_is_kept_and_the_request_forgotten(tmp_path):
    """The request holds a host key's private half: it goes as soon as EC2 answered."""
    journal = Journal(tmp_path)
    journal.answered(journal.write(ENTRY), ("i-1",))
    entry = journal.read("l-1")
    assert entry is not None
    assert entry.instance_ids == ("i-1",)
    assert entry.request is None
    assert not entry.unanswered


def test_a_refused_attempt_leaves_nothing_to_look_for(tmp_path):
    """A refusal is kept as tried, and is no unanswered request."""
    journal = Journal(tmp_path)
    entry = journal.refused(journal.write(ENTRY), "us-west-2a", "no-capacity")
    assert entry.attempts == ({"zone": "us-west-2a", "outcome": "no-capacity"},)
    assert not entry.unanswered


def test_regions_are_those_of_what_has_not_ended(tmp_path):
    """A region leaves the list when the last launch there has ended."""
    journal = Journal(tmp_path)
    journal.write(ENTRY)
    journal.write(replace(ENTRY, launch_id="l-2", region="eu-west-1"))
    assert journal.regions() == ("eu-west-1", "us-west-2")
    journal.end("l-2", at=20.0)
    assert journal.regions() == ("us-west-2",)


def test_a_damaged_entry_hides_nothing_but_itself(tmp_path):
    """One unreadable file does not hide the other launches."""
    journal = Journal(tmp_path)
    journal.write(ENTRY)
    (tmp_path / "l-0.json").write_text("{")
    assert [one.launch_id for one in journal.entries()] == ["l-1"]


def test_the_request_is_not_in_the_repr():
    """An entry that ends up in a log shows no user-data."""
    assert "ClientToken" not in repr(ENTRY)
