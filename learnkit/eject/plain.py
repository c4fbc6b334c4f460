"""Parts of the script that are nowhere else in learnkit: plain functions, and the loop's text.

The functions are written into scripts by their source, so that they are checked as any other code.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import torch
from PIL import Image
from torch import Tensor

from learnkit.data.cache import packed, unpacked
from learnkit.data.geometry import (
    RandomResizedCrop,
    Resize,
    crop_into,
    fit_image,
    shrink,
)
from learnkit.data.jpeg import jpeg_eighths
from learnkit.data.pixels import RGB, image_to_rgb, upright

# constants of a script, here so that the functions can be checked
SIZE: tuple[int, int] = (224, 224)
SHORT: int = 256
RESIZE: Resize = "crop"
CROP: RandomResizedCrop = RandomResizedCrop()
PHOTO_ROOT = Path()
THROUGH_JPEG = False
LISTS: dict[str, Any] = {}


def to_float(x: Tensor) -> Tensor:
    """uint8 images become float32 in [0, 1]."""
    if x.dtype != torch.uint8 or x.dim() != 4:
        return x
    return x.to(torch.float32).mul_(1.0 / 255.0)


def decode_jpeg(data: bytes, min_short: int) -> RGB | None:
    """Decode by libjpeg-turbo, at an eighth, two eighths ... of the size where that will do."""
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data, strict=False)
        if colorspace not in ("Gray", "YCbCr", "RGB"):
            return None
        eighths = jpeg_eighths(min(height, width), min_short)
        pixels: RGB = simplejpeg.decode_jpeg(
            data,
            colorspace="RGB",
            min_height=-(-height * eighths // 8),
            min_width=-(-width * eighths // 8),
            min_factor=1,
        )
    except (ValueError, KeyError):  # odd, and Pillow's business
        return None
    return pixels


def jpeg_photo(name: str, min_short: int) -> RGB:
    """Read a JPEG file as upright RGB, uint8 (H, W, 3)."""
    data = (PHOTO_ROOT / name).read_bytes()
    pixels = decode_jpeg(data, min_short)
    if pixels is None:
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return upright(pixels, LISTS["turned"].get(name, 1))


def any_photo(name: str, min_short: int) -> RGB:
    """Read an image file as upright RGB, uint8 (H, W, 3)."""
    data = (PHOTO_ROOT / name).read_bytes()
    pixels = decode_jpeg(data, min_short) if data.startswith(b"\xff\xd8") else None
    if pixels is None:
        with Image.open(io.BytesIO(data)) as image:
            pixels = image_to_rgb(image)
    return upright(pixels, LISTS["turned"].get(name, 1))


photo = any_photo  # in a script under this name


def prepared(name: str, side: str, draws: Any) -> RGB:
    """Give one photo of the size that it is trained at."""
    image = shrink(photo(name, SHORT), SHORT)
    if side == "train":
        image = unpacked(packed(image)) if THROUGH_JPEG else image
        out = np.empty((*SIZE, 3), np.uint8)
        height, width = image.shape[:2]
        box = CROP.box(height, width, draws.tolist(), aspect=SIZE[1] / SIZE[0])
        crop_into(out, image, box)
        return out
    return fit_image(image, SIZE, RESIZE)


def mirrored(chosen: Tensor, side: int, x: Tensor) -> Tensor:
    """Reverse the chosen samples along ``side``, 2 or 3; x (B, C, H, W) is left as it is."""
    out = x.clone()
    for place in chosen.nonzero()[:, 0].tolist():
        out[place] = x[place].flip(side - 1)
    return out


def mean_loss(losses: list[Tensor], samples: list[int]) -> float:
    """The mean over samples; added up in blocks of 128 batches, which decides the last bit."""
    total: Any = 0.0
    for i in range(0, len(losses), 128):
        values = torch.stack(losses[i : i + 128])
        weights = torch.tensor(samples[i : i + 128], dtype=values.dtype).to(values.device)
        total = total + (values * weights).sum()
    return float(total / sum(samples))


TENSORS = '''TENSORS = load_file(HERE.with_suffix(".safetensors"))
SIDES = {{
{settings}
}}


def batches(side, epoch):
    """Give x, y and the samples' places of each batch of an epoch."""
    x, y = TENSORS[side + "_x"], TENSORS[side + "_y"]
    for indices in epoch_batches(epoch=epoch, **SIDES[side]):
        places = torch.from_numpy(indices)
        yield x[places], y[places], indices'''

PHOTOS = '''# that the names of files start from: where they were, or the script's first argument
PHOTO_ROOT = Path(
    sys.argv[1] if len(sys.argv) > 1 else {root!r}
)
LISTS = json.loads(HERE.with_suffix(".json").read_text())  # files and labels
SIDES = {{
{settings}
}}
SIZE, SHORT, RESIZE = {size}, {short}, {resize!r}  # (height, width); side of photos to crop from
CROP = {crop}


def batches(side, epoch):
    """Give x uint8 (B, 3, H, W), y and the samples' places of each batch of an epoch."""
    files, labels = LISTS[side]["files"], np.array(LISTS[side]["labels"], LISTS[side]["dtype"])
    with ThreadPoolExecutor() as pool:
        for indices in epoch_batches(epoch=epoch, **SIDES[side]):
            draws = uniforms(mix(SIDES[side]["seed"], key_of("crop"), epoch), indices, 22)
            names = [files[i] for i in indices]
            pixels = list(pool.map(prepared, names, [side] * len(names), draws))
            x = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
            yield x, torch.from_numpy(labels[indices]), indices'''
