import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from learnkit.data.decode import (
    decode,
    decode_any,
    decode_bytes,
    jpeg_eighths,
    jpeg_orientation,
)
from learnkit.data.pixels import RGB
from learnkit.errors import DataError

ORIENTATION = 0x0112


def scene(height: int = 24, width: int = 40) -> RGB:
    """Four flat quarters, red, green, blue and white: every turn of it is different."""
    image = np.full((height, width, 3), 255, np.uint8)
    image[: height // 2, : width // 2] = (255, 0, 0)
    image[: height // 2, width // 2 :] = (0, 255, 0)
    image[height // 2 :, : width // 2] = (0, 0, 255)
    return image


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def stored_for(orientation: int, upright: Image.Image) -> Image.Image:
    """What the camera stores so that ``orientation`` makes it upright; by Pillow's own words."""
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return upright.transpose(turn[orientation]) if orientation in turn else upright


def close(found: RGB, expected: RGB, tolerance: int) -> bool:
    """Whether the images are alike, away from edges, which lossy formats blur."""
    if found.shape != expected.shape:
        return False
    difference = np.abs(found.astype(int) - expected.astype(int))
    return float(np.quantile(difference, 0.8)) <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_every_exif_orientation_comes_out_upright(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = stored_for(orientation, Image.fromarray(scene()))
    found = decode_bytes(saved(stored, form, exif=exif, quality=95), name="x")
    assert close(found, scene(), 12)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_an_orientation_that_does_not_exist_turns_nothing(form: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 9
    data = saved(Image.fromarray(scene()), form, exif=exif)
    assert decode_bytes(data, name="x").shape == scene().shape


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_cmyk_jpeg_is_upright_too_on_the_way_through_pillow(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = stored_for(orientation, Image.fromarray(scene())).convert("CMYK")
    found = decode_bytes(saved(stored, "JPEG", exif=exif, quality=95), name="x")
    assert close(found, scene(), 12)


def test_orientation_is_read_in_both_byte_orders_and_junk_means_upright() -> None:
    def jpeg(tiff: bytes) -> bytes:
        payload = b"Exif\0\0" + tiff
        return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + b"\xff\xda"

    entry = (ORIENTATION, 3, 1, 6, 0)
    big = b"MM\0*" + struct.pack(">IHHHIHH", 8, 1, *entry)
    little = b"II*\0" + struct.pack("<IHHHIHH", 8, 1, *entry)
    assert jpeg_orientation(jpeg(big)) == jpeg_orientation(jpeg(little)) == 6
    for junk in (b"", b"MM", big[:-6], big[:10] + b"\xff" * 12, b"XX" + big[2:]):
        assert jpeg_orientation(jpeg(junk)) == 1
    assert jpeg_orientation(b"\xff\xd8\xff") == 1


def test_gray_palette_one_bit_and_alpha_all_become_rgb_on_white() -> None:
    rgb = Image.fromarray(scene())
    half = np.dstack([np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 128, np.uint8)])
    gray = np.asarray(rgb.convert("L"))
    cases: list[tuple[Image.Image, RGB]] = [
        (rgb.convert("L"), np.dstack([gray] * 3)),
        (rgb.convert("P", palette=Image.Palette.ADAPTIVE), scene()),
        (Image.new("1", (3, 2), 1), np.full((2, 3, 3), 255, np.uint8)),
        (Image.fromarray(half), np.full((4, 4, 3), 127, np.uint8)),
        (Image.merge("LA", [Image.new("L", (3, 2), 9), Image.new("L", (3, 2), 0)]),
         np.full((2, 3, 3), 255, np.uint8)),
    ]  # fmt: skip
    for image, expected in cases:
        assert close(decode_bytes(saved(image, "PNG"), name="x"), expected, 0), image.mode


def test_a_transparent_palette_colour_becomes_white() -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode=None).convert("P")
    image.putpalette([200, 10, 10, 10, 200, 10])
    data = saved(image, "PNG", transparency=0)
    assert decode_bytes(data, name="x").tolist() == [[[255, 255, 255], [10, 200, 10]]]
    data = saved(image, "PNG", transparency=bytes([255, 0]))
    assert decode_bytes(data, name="x").tolist() == [[[200, 10, 10], [255, 255, 255]]]


def test_sixteen_bit_gray_is_scaled_and_not_clipped_to_white() -> None:
    deep = np.array([[0, 257 * 100, 65535]], np.uint16)
    data = saved(Image.fromarray(deep), "PNG")
    assert decode_bytes(data, name="x")[0, :, 0].tolist() == [0, 100, 255]
    data = saved(Image.fromarray(deep), "TIFF")
    assert decode_bytes(data, name="x")[0, :, 2].tolist() == [0, 100, 255]


def test_float_and_wide_integer_tiffs_are_scaled() -> None:
    data = saved(Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)), "TIFF")
    assert decode_bytes(data, name="x")[0, :, 0].tolist() == [0, 128, 255]
    data = saved(Image.fromarray(np.array([[-100, 2, 155]], np.int32)), "TIFF")
    assert decode_bytes(data, name="x")[0, :, 0].tolist() == [0, 102, 255]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_taken(form: str) -> None:
    frames = [Image.new("RGB", (5, 4), colour) for colour in ((250, 0, 0), (0, 0, 250))]
    options: dict[str, object] = {"save_all": True, "append_images": frames[1:]}
    data = saved(frames[0], form, **options, **({"lossless": True} if form == "WEBP" else {}))
    found = decode_bytes(data, name="x")
    assert found.shape == (4, 5, 3)
    assert found[0, 0].tolist() == [250, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (8, 4000), (4000, 8)])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_extreme_shapes_decode(form: str, size: tuple[int, int]) -> None:
    data = saved(Image.new("RGB", size, (10, 200, 30)), form)
    found = decode_bytes(data, name="x", min_short=256)
    assert found.shape == (size[1], size[0], 3)


@pytest.mark.parametrize(
    ("min_short", "expected"),
    [
        (None, 400),
        (401, 400),
        (400, 400),
        (300, 400),
        (201, 250),
        (200, 200),
        (100, 100),
        (51, 100),
        (1, 50),
    ],
)
def test_a_jpeg_is_decoded_no_larger_than_needed_and_never_smaller(
    min_short: int | None, expected: int
) -> None:
    data = saved(Image.fromarray(scene(400, 600)), "JPEG")
    found = decode_bytes(data, name="x", min_short=min_short)
    assert found.shape == (expected, expected * 3 // 2, 3)
    assert close(found, scene(expected, expected * 3 // 2), 8)


@pytest.mark.parametrize(
    ("short", "min_short", "eighths"),
    [
        (256, 147, 5), (256, 256, 8), (500, 256, 5), (500, 147, 3), (375, 256, 6), (341, 256, 8),
        (333, 256, 8), (512, 256, 4), (400, 201, 5), (400, 200, 4), (400, 1, 1), (3000, 256, 1),
        (2000, 256, 2), (1600, 256, 2), (257, 256, 8), (100, 256, 8), (1, 1, 1),
    ],
)  # fmt: skip
def test_a_jpeg_is_decoded_at_the_fewest_eighths_or_the_next_fast_ones(
    short: int, min_short: int, eighths: int
) -> None:
    assert jpeg_eighths(short, min_short) == eighths


@given(short=st.integers(1, 20_000), min_short=st.integers(1, 2000))
def test_as_much_is_left_as_is_needed_and_less_than_twice_that(short: int, min_short: int) -> None:
    eighths = jpeg_eighths(short, min_short)
    left = -(-short * eighths // 8)
    assert 1 <= eighths <= 8
    if short < min_short:
        assert eighths == 8
    else:
        assert left >= min_short
        assert eighths == 1 or left <= 2 * min_short


@given(height=st.integers(1, 90), width=st.integers(1, 90), min_short=st.integers(1, 100))
def test_the_decoder_leaves_what_the_eighths_promise(
    height: int, width: int, min_short: int
) -> None:
    data = saved(Image.new("RGB", (width, height)), "JPEG")
    eighths = jpeg_eighths(min(height, width), min_short)
    expected = (-(-height * eighths // 8), -(-width * eighths // 8), 3)
    assert decode_bytes(data, name="x", min_short=min_short).shape == expected


def test_odd_sizes_keep_the_short_side_when_scaled() -> None:
    data = saved(Image.new("RGB", (515, 511)), "JPEG")
    assert decode_bytes(data, name="x", min_short=256).shape == (256, 258, 3)


def test_stray_bytes_that_cameras_write_do_not_cost_the_photo() -> None:
    data = saved(Image.fromarray(scene()), "JPEG")
    place = data.index(b"\xff\xdb")
    found = decode_bytes(data[:place] + b"\0\0" + data[place:], name="x")
    assert close(found, scene(), 12)


def png_declaring(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header claims a size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_a_jpeg_header_that_declares_a_giant_is_refused_before_decoding() -> None:
    data = bytearray(saved(Image.new("RGB", (16, 16)), "JPEG"))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", 60000, 60000)
    with pytest.raises(DataError) as caught:
        decode_bytes(bytes(data), name="giant.jpg")
    assert str(caught.value) == (
        "giant.jpg cannot be read as an image: its header declares 60000 x 60000 pixels, more than "
        "the 178,956,970 allowed."
    )


def test_a_png_header_that_declares_a_giant_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        decode_bytes(png_declaring(100_000, 100_000), name="giant.png")
    assert str(caught.value) == (
        "giant.png cannot be read as an image: Image size (10000000000 pixels) exceeds limit of "
        "178956970 pixels, could be decompression bomb DOS attack."
    )


def broken(kind: str, path: Path, make_photo: Callable[..., Path]) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "zero":
        path.touch()
    elif kind == "text":
        path.write_text("no image at all")
    elif kind == "truncated":
        data = make_photo(path, size=(64, 64)).read_bytes()
        path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("folder", "it is a folder"),
        ("zero", "the file is empty (0 bytes)"),
        ("text", "its content is no image format that Pillow knows"),
        ("missing", "the file does not exist"),
    ],
)
def test_what_is_no_image_is_named_with_the_reason(
    kind: str, reason: str, tmp_path: Path, make_photo: Callable[..., Path]
) -> None:
    path = tmp_path / "x.jpg"
    broken(kind, path, make_photo)
    with pytest.raises(DataError) as caught:
        decode(path)
    assert str(caught.value) == f"{path} cannot be read as an image: {reason}."


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_truncated_file_is_an_error_and_not_a_gray_half(
    suffix: str, tmp_path: Path, make_photo: Callable[..., Path]
) -> None:
    path = tmp_path / f"x{suffix}"
    broken("truncated", path, make_photo)
    with pytest.raises(DataError) as caught:
        decode(path)
    assert str(caught.value).startswith(f"{path} cannot be read as an image: ")
    assert "truncated" in str(caught.value)


def test_anything_a_user_holds_as_an_image_gives_the_same_pixels(tmp_path: Path) -> None:
    image = scene()
    path = tmp_path / "scene.png"
    Image.fromarray(image).save(path)
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    held = [
        str(path), path, path.read_bytes(), Image.fromarray(image), image, image / 255.0, tensor,
        tensor.float() / 255, image.astype(np.uint16) * 257,
        np.dstack([image, np.full((24, 40, 1), 255, np.uint8)]),
    ]  # fmt: skip
    for item in held:
        assert np.array_equal(decode_any(item), image), type(item)  # type: ignore[arg-type]


def test_gray_arrays_become_rgb_and_a_turned_pil_image_is_made_upright() -> None:
    gray = scene()[:, :, 0]
    assert np.array_equal(decode_any(gray), np.dstack([gray] * 3))
    assert np.array_equal(decode_any(torch.from_numpy(gray.copy())[None]), np.dstack([gray] * 3))
    turned = Image.fromarray(scene()).transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[ORIENTATION] = 6
    assert np.array_equal(decode_any(turned), scene())


def test_what_is_no_image_in_memory_says_what_was_expected() -> None:
    def message(item: object) -> str:
        with pytest.raises(DataError) as caught:
            decode_any(item)  # type: ignore[arg-type]
        return str(caught.value)

    assert message(7) == (
        "An image can be a path, the bytes of a file, a PIL image, an array (H, W, 3) or a tensor "
        "(3, H, W); found int."
    )
    assert message(np.zeros((3, 8, 8), np.uint8)) == (
        "An image must be (H, W) or (H, W, C) with 1, 3 or 4 channels; found (3, 8, 8)."
    )
    assert message(torch.zeros(8, 8, 3)) == (
        "An image must be (H, W) or (C, H, W) with 1, 3 or 4 channels; found (8, 8, 3)."
    )
    assert message(np.zeros((8, 8, 3), np.int64)) == (
        "The pixels of an image must be uint8, uint16 or float in [0, 1]; found int64."
    )
    assert message(np.full((8, 8, 3), 200.0)) == (
        "The pixels of an image must be uint8, uint16 or float in [0, 1]; found float64 with other "
        "values."
    )
    assert message(b"") == (
        "the image in memory cannot be read as an image: the file is empty (0 bytes)."
    )


@pytest.mark.shared
def test_scaled_decoding_of_real_photos_looks_like_decoding_in_full(shared_dir: Path) -> None:
    for path in sorted((shared_dir / "data/flowers/train").rglob("*.jpg"))[::60]:
        full = decode(path)
        half = decode(path, min_short=min(full.shape[:2]) // 2)
        assert half.shape == (-(-full.shape[0] // 2), -(-full.shape[1] // 2), 3)
        small = [
            np.asarray(Image.fromarray(one).resize((64, 64), Image.Resampling.BILINEAR))
            for one in (full, half)
        ]
        assert np.abs(small[0].astype(int) - small[1]).mean() < 3.0


def test_a_jpeg_that_ends_in_its_header_is_called_truncated(
    tmp_path: Path, make_photo: Callable[..., Path]
) -> None:
    path = make_photo(tmp_path / "x.jpg")
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(DataError) as caught:
        decode(path)
    assert str(caught.value) == f"{path} cannot be read as an image: Truncated File Read."


# ---------------------------------------------------------------- hostile files


def refusal(data: bytes) -> str:
    with pytest.raises(DataError) as caught:
        decode_bytes(data, name="x.jpg")
    return str(caught.value).removeprefix("x.jpg cannot be read as an image: ")


UNKNOWN = "its content is no image format that Pillow knows."


def test_a_postscript_program_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow gives EPS files to Ghostscript, whatever their names are."""
    ghostscript = tmp_path / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch {tmp_path / 'marker'}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    data = saved(Image.new("RGB", (8, 8)), "EPS")
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "EPS"
    assert refusal(data) == UNKNOWN
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("form", ["PDF", "ICO", "TGA", "PCX", "SGI", "XBM", "DDS"])
def test_formats_that_no_photo_has_are_not_decoded(form: str) -> None:
    mode = "1" if form == "XBM" else "RGB"
    assert refusal(saved(Image.new(mode, (16, 16)), form)) == UNKNOWN


def with_scans(image: Image.Image, n: int) -> bytes:
    data = saved(image, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * n + b"\xff\xd9"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_that_is_gone_over_without_end_is_refused(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 178 million pixels, 100 kB can take an hour."""
    monkeypatch.setattr("learnkit.data.decode.MAX_SCANNED_PIXELS", 24 * 64 * 64)
    image = Image.new(mode, (64, 64))
    assert decode_bytes(with_scans(image, 5), name="x").shape == (64, 64, 3)
    found = refusal(with_scans(image, 300))
    assert found.startswith("it goes over its 64 x 64 pixels 3")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and devices")
def test_nothing_waits_for_a_pipe_or_reads_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    for kind in ("pipe", "device"):
        path = tmp_path / f"{kind}.jpg"
        with pytest.raises(DataError) as caught:
            decode(path)
        assert (
            str(caught.value) == f"{path} cannot be read as an image: it is a {kind}, not a file."
        )


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_a_few_bytes_hold_no_large_photo(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A WebP of 38 bytes may have 178 million pixels, whose decoder takes 2.7 GB."""
    if form not in Image.SAVE:
        pytest.skip(f"this Pillow has no {form}")
    options = {"lossless": True} if form == "WEBP" else {}
    data = saved(Image.new("RGB", (3000, 1000)), form, **options)
    assert decode_bytes(data, name="x").shape == (1000, 3000, 3)
    monkeypatch.setattr("learnkit.data.decode._ALWAYS", 1 << 20)
    assert refusal(data) == (
        f"its header declares 3000 x 1000 pixels, more than its {len(data):,} bytes can hold of a "
        "photo."
    )


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF"])
def test_a_blank_page_is_a_photo(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learnkit.data.decode._ALWAYS", 0)
    options = {"compression": "tiff_adobe_deflate"} if form == "TIFF" else {}
    data = saved(Image.new("RGB", (3000, 2000), (255, 255, 255)), form, **options)
    assert decode_bytes(data, name="x").shape == (2000, 3000, 3)


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError) as caught:
        decode(path)
    assert str(caught.value) == (
        f"{path} cannot be read as an image: it has 1,099,511,627,776 bytes, more than "
        "2,147,483,648."
    )


def test_a_name_that_cannot_be_one_is_told() -> None:
    with pytest.raises(DataError) as caught:
        decode("a\0b.jpg")
    assert str(caught.value) == "a\0b.jpg cannot be read as an image: its name has a zero byte."


def test_too_little_memory_is_a_reason_to_leave_an_image_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(image: Image.Image) -> RGB:
        raise MemoryError

    monkeypatch.setattr("learnkit.data.decode.image_to_rgb", fail)
    assert refusal(saved(Image.new("RGB", (8, 8)), "PNG")) == "MemoryError."
