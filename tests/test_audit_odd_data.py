"""The audit of data that are not as they should be: what is guessed, counted, refused and shown."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import albumentations as A
import numpy as np
import pytest
from PIL import Image, ImageDraw

from albu_cutmix import CutMix, EmptyPoolError, InvalidSampleError, MixTargets, audit, show
from albu_cutmix.draw import draw_groups, draw_source
from albu_cutmix.record import MixRecord
from albu_cutmix.report.bench import Bench
from albu_cutmix.report.samples import wrap
from albu_cutmix.report.settings import change, own_arguments, write_code
from albu_cutmix.report.sweep import list_settings
from albu_cutmix.scenes import scene_pool

BOXES = [[4, 4, 20, 20], [30, 10, 50, 40]]
POINTS = [[5, 5], [40, 20]]


def sample(**parts) -> dict[str, Any]:
    """A sample of 48 x 64 with two boxes and their labels."""
    image = np.full((48, 64, 3), 90, np.uint8)
    return {"image": image, "bboxes": BOXES, "labels": ["a", "b"]} | parts


def fields(samples, **arguments) -> tuple[list[str], ...]:
    """The label fields that a bare mix gets, of boxes and then of keypoints where there are any."""
    processors = wrap(CutMix(**arguments), samples).processors
    found = (processors.get(kind) for kind in ("bboxes", "keypoints"))
    return tuple(list(one.params.label_fields or []) for one in found if one is not None)


def test_keys_of_the_mix_are_no_label_fields():
    """What the mix itself reads or writes has one value per box by chance."""
    names = {"label_key": "kind", "record_key": "rec", "metadata_key": "more", "seam_key": "seam"}
    taken = {name: [0.0, 1.0] for name in (*names.values(), "kind_donor", "pool_index", "id")}
    assert fields([sample(**taken)], **names) == (["labels"],)
    assert fields([sample(**taken)]) == (["labels", *list(taken)[:5]],)


@pytest.mark.parametrize(
    "values",
    [
        [[1, 2], [3]],
        [[1, 2], [3, 4]],
        [np.zeros(2), np.zeros(3)],
        [{"a": 1}, {"a": 2}],
        [None, None],
        "ab",
        b"ab",
        {"a": 1, "b": 2},
        np.zeros((2, 2)),
        np.array([[1], [2, 3]], object),
        np.array([1, 2, 3]),
        np.float64(2),
        5,
    ],
    ids=repr,
)
def test_what_is_not_a_plain_value_per_box_is_no_field(values):
    """Ragged, nested and other values are left alone, and nothing fails for them."""
    assert fields([sample(odd=values)]) == (["labels"],)


@pytest.mark.parametrize(
    "values",
    [(1, 2), [True, False], [1.5, np.float32(2)], np.array(["x", "y"]), np.array([1, "a"], object)],
    ids=repr,
)
def test_plain_values_are_a_field(values):
    """Lists, tuples and arrays of strings, numbers and truth values are columns."""
    assert fields([sample(more=values)]) == (["labels", "more"],)


def test_a_field_has_a_value_per_box_in_every_sample():
    """What fits the first sample alone, such as a size, is no field; samples without rows agree."""
    samples = [
        sample(bboxes=[], labels=[], size=[64, 48]),
        sample(size=[64, 48], once=[1, 2]),
        sample(bboxes=BOXES[:1], labels=["a"], size=[64, 48]),
    ]
    assert fields(samples) == (["labels"],)
    report = audit(CutMix(samples, p=1.0), samples, n=6, sweep=False)
    assert report.summary["failed"] == 0
    assert set(report.summary["by_class"]) == {"a", "b"}


def test_ten_samples_are_looked_at():
    """The tenth sample with boxes still counts, the eleventh is not read."""
    odd = sample(bboxes=BOXES[:1], labels=["a"])
    for place, found in ((9, ["labels"]), (10, ["labels", "size"])):
        samples = [sample(size=[64, 48]) for _ in range(12)]
        samples[place] = odd | {"size": [64, 48]}
        assert fields(samples) == (found,)


@pytest.mark.filterwarnings("ignore:label_fields are set but label_mapping")
def test_boxes_come_before_keypoints():
    """Where both are equally many the fields are those of boxes, others those of keypoints."""
    both = sample(keypoints=POINTS, names=["p", "q"])
    assert fields([both]) == (["labels", "names"], [])
    assert fields([both, sample(keypoints=POINTS[:1], names=["p"])]) == (["labels"], ["names"])
    assert fields([sample(bboxes=[], labels=[], keypoints=POINTS, names=["p", "q"])]) == (
        ["labels"],
        ["names"],
    )


def test_rows_that_are_none_stop_nothing():
    """A sample whose boxes cannot be counted is passed over, and counted when it is drawn."""
    samples = [sample(bboxes=7), sample()]
    assert fields(samples) == (["labels"],)


class Failing(list):
    """Samples of which number 1 cannot be read, once an error is set."""

    error: Exception | None = None

    def __getitem__(self, index: Any) -> Any:
        """Return a sample."""
        if index == 1 and self.error is not None:
            raise self.error
        return super().__getitem__(index)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("closed"), KeyError("image 7"), IndexError("row 9"), OSError("gone")],
    ids=lambda error: type(error).__name__,
)
def test_what_a_reader_raises_is_counted(error):
    """One sample that cannot be read is a row with its error; strict raises it."""
    samples = Failing([sample() for _ in range(3)])
    samples.error = error
    donors = [sample()]
    report = audit(CutMix(donors), samples, n=6, sweep=False)
    assert report.summary["failed"] == 2
    assert report.findings[0]["examples"] == [f"{type(error).__name__}: {error}"]
    with pytest.raises(type(error)):
        audit(CutMix(donors), samples, n=6, sweep=False, strict=True)


@pytest.mark.parametrize("error", [TypeError("bug"), AttributeError("bug")], ids=repr)
def test_bugs_are_not_counted(error):
    """A bug in the user's code ends the audit."""
    samples = Failing([sample() for _ in range(3)])
    samples.error = error
    with pytest.raises(type(error), match="bug"):
        audit(CutMix([sample()]), samples, n=6, sweep=False)


def test_images_too_small_for_a_crop_are_counted():
    """What the host's crop refuses is one failed call, not the end of the audit."""
    small = sample(image=np.zeros((30, 60, 3), np.uint8), bboxes=BOXES[:1], labels=["a"])
    samples = [sample(), small]
    params = A.BboxParams("pascal_voc", label_fields=["labels"])
    pipeline = A.Compose([A.RandomCrop(40, 40, p=1.0), CutMix([sample()])], bbox_params=params)
    report = audit(pipeline, samples, n=4, sweep=False)
    assert report.summary["failed"] == 2
    assert "CropSizeError" in report.findings[0]["examples"][0]


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (sample(image=None), "image must be a numpy array .*, got NoneType in sample 1"),
        (sample(image="x.png"), "image must be a numpy array .*, got str in sample 1"),
        (sample(image=np.zeros(5, np.uint8)), "got .5,. in sample 1"),
        ({5: 1} | sample(), "the keys of a sample must be strings, got 5 in sample 1"),
        ({5: 1, "a": 2}, "got .'5', 'a'. as sample 1"),
    ],
    ids=["none", "path", "flat", "number-as-key", "no-image"],
)
def test_samples_without_an_image_are_counted(odd, words):
    """What is no sample is named with its number, before the pipeline sees it, and counted."""
    samples = [sample(), odd]
    bench = Bench(A.Compose([A.NoOp(), CutMix([sample()])]), samples, 0)
    with pytest.raises(InvalidSampleError, match=words):
        bench.read(1)
    assert audit(CutMix([sample()]), samples, n=4, sweep=False).summary["failed"] == 2


def test_no_samples():
    """An audit of nothing says so in its own words."""
    with pytest.raises(EmptyPoolError) as caught:
        audit(CutMix([sample()]), [], n=2)
    assert str(caught.value) == "an audit needs at least one sample, got none in an empty list."


class OnlyAsItIs(CutMix):
    """A mix that fails under every setting but its own."""

    def draw_plan(self, data: dict[str, Any], rng: np.random.Generator) -> Any:
        """Draw a plan."""
        if self.area_range is not None:
            raise InvalidSampleError("not like that.")
        return super().draw_plan(data, rng)


def test_strict_is_about_the_mix_as_it_stands():
    """Other settings that fail are not applied in the sweep, strict or not."""
    samples = [sample() for _ in range(3)]
    report = audit(OnlyAsItIs(samples, p=1.0), samples, n=4, strict=True)
    assert report.summary["failed"] == 0
    assert report.sweep[0]["applied"] == 1.0
    assert any(row["applied"] is None or row["applied"] == 0 for row in report.sweep[1:])


class Noted(CutMix):
    """A mix with a required argument of its own, before the pool."""

    def __init__(self, note: str, pool: Any = None, **rest: Any) -> None:
        self.note = note
        super().__init__(pool, **rest)


class Fixed(CutMix):
    """A mix that takes nothing but its probability."""

    def __init__(self, pool: Any = None, *, p: float = 0.5) -> None:
        super().__init__(pool, seam_width=3, p=p)


def test_subclasses_are_swept():
    """A subclass with other arguments than CutMix is tried with the same settings."""
    samples = [sample() for _ in range(3)]
    names = [setting.name for setting in list_settings(CutMix(samples))]
    for mix in (Noted("n", samples, p=1.0), Fixed(samples, p=1.0)):
        assert [setting.name for setting in list_settings(mix)] == names
        assert [row["name"] for row in audit(mix, samples, n=2).sweep] == names
        with change(mix, {"area_range": (0.1, 0.2)}):
            assert mix.area_range == (0.1, 0.2)
        assert mix.area_range is None
        assert own_arguments(mix)["area_range"] is None
    assert write_code(Noted("n", samples), {}) == 'Noted(pool, note="n")'
    assert write_code(Fixed(samples), {}) == "Fixed(pool, seam_width=3)"


def test_no_pool_is_copied():
    """The pools of all mixes of a pipeline are shared with the copy that works."""
    pools = [[sample()], [sample()]]
    mixes = [CutMix(pool, record_key=key) for pool, key in zip(pools, "ab", strict=True)]
    bench = Bench(A.Compose([MixTargets(), A.OneOf(mixes)]), [sample()], 0, record_key="a")
    copied = bench.pipeline.transforms[1].transforms
    assert [mix.pool is pool for mix, pool in zip(copied, pools, strict=True)] == [True, True]
    assert all(mix is not theirs for mix, theirs in zip(copied, mixes, strict=True))


def test_show_without_the_mix(monkeypatch):
    """A container that takes another way leaves the image as it was, and the picture says so."""
    told: list[str] = []
    text = ImageDraw.ImageDraw.text

    def listen(self, xy, words, *args, **kwargs):
        told.append(words)
        return text(self, xy, words, *args, **kwargs)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", listen)
    mix = CutMix([sample()], p=0.001)
    pipeline = A.Compose([A.OneOf([mix, A.NoOp(p=1.0)], p=1.0)])
    seen = Bench(pipeline, [sample()], 0).mix_sample(0, 0).seen
    assert seen.record.reason == "not called"
    assert np.array_equal(seen.before, sample()["image"])
    picture = show(pipeline, sample())
    assert "not applied: it was not called, the pipeline went another way" in told
    assert "donor" not in told
    assert picture.width == 876


def test_a_card_of_a_mix_that_is_gone(tmp_path):
    """A mix that cannot be made again keeps its card, without picture and with the reason."""
    samples = Failing([sample() for _ in range(3)])
    report = audit(CutMix([sample()], p=1.0), samples, n=6, sweep=False)
    samples.error = TypeError("the archive was closed")
    cards: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for card in report.cards:
        cards[card["sample"] == 1].append(card)
    assert [len(some) for some in cards.values()] == [4, 2]
    assert all(card["picture"] and "once more" not in card["caption"] for card in cards[False])
    for card in cards[True]:
        assert card["picture"] == b""
        words = " It could not be made once more: TypeError: the archive was closed"
        assert card["caption"].endswith(words)
        assert json.loads(card["record"])["applied"]
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    report.to_html(tmp_path / "audit.html")
    assert "the archive was closed" in (tmp_path / "audit.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((48, 64), (480, 640)),
        ((2, 3000), (2, 3000)),
        ((3000, 2), (3000, 2)),
        ((2, 300), (12, 1800)),
        ((100, 400), (400, 1600)),
        ((1000, 20), (1000, 20)),
    ],
    ids=str,
)
def test_strips_are_not_enlarged_without_end(shape, size):
    """The longer side of a picture is at most four times min_side, or the image's own."""
    image, record = np.zeros(shape, np.uint8), MixRecord.empty("cutmix", "p", shape)
    assert draw_source(image, record).shape == (*size, 3)
    assert draw_groups(image, [], record).shape == (*size, 3)


def test_a_strip_in_the_gallery_is_as_long_as_other_pictures():
    """A strip is enlarged by the whole number that fills the gallery's width."""
    strips = [{"image": np.full((4, 100, 3), value, np.uint8)} for value in (9, 200)]
    card = audit(CutMix(strips, p=1.0), strips, n=2, sweep=False).cards[0]
    with Image.open(BytesIO(card["picture"])) as picture:
        assert picture.size == (400, 16)


def test_a_mix_without_donors_is_told_before_the_work():
    """The missing pool is what the message names, not the first thing that fails without it."""
    scenes = scene_pool(3, size=(64, 96))
    with pytest.raises(EmptyPoolError, match="one without a pool, and samples without 'mix_meta"):
        audit(CutMix(), scenes, n=4)
    samples = [{"image": one.image, "mix_metadata": [{"image": one.image}]} for one in scenes]
    assert audit(CutMix(p=1.0), samples, n=4, sweep=False).summary["applied"] == 1
