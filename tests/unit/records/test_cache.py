"""Day-old facts."""

from jupyter_awsgpu.records import FactCache


def test_a_fact_lasts_its_day(tmp_path):
    """A fact is known until it is too old, then asked again."""
    now = [1000.0]
    cache = FactCache(tmp_path, clock=lambda: now[0])
    cache.put("price", {"p2.xlarge": 0.9})
    assert cache.get("price") == {"p2.xlarge": 0.9}
    now[0] += 25 * 3600
    assert cache.get("price") is None


def test_a_fact_from_the_future_is_not_believed(tmp_path):
    """A clock set back does not keep a fact for ever."""
    now = [1000.0]
    cache = FactCache(tmp_path, clock=lambda: now[0])
    cache.put("price", 1)
    now[0] = 10.0
    assert cache.get("price") is None


def test_a_damaged_fact_counts_as_absent(tmp_path):
    """Losing the cache costs a request, never an error."""
    cache = FactCache(tmp_path)
    cache.put("price", 1)
    for path in tmp_path.iterdir():
        path.write_text("x")
    assert cache.get("price") is None
