"""Plain PyTorch: a folder of photos to an accuracy. It takes more than five lines."""

import sys

import torch
from photos import loaders
from torch import nn
from torch.nn import functional
from torchvision import models

path, weights, epochs, size, seed, batch_size = sys.argv[1:]
torch.manual_seed(int(seed))
train, valid = loaders(path, int(size), int(batch_size))
model = models.resnet34(weights=None)
model.load_state_dict(torch.load(weights, weights_only=True))
model.requires_grad_(False).fc = nn.Linear(512, len(train.dataset.classes))
optimizer = torch.optim.AdamW(model.fc.parameters(), lr=3e-3)
model.eval()  # a frozen body keeps its BatchNorm statistics
for _ in range(int(epochs)):
    for x, y in train:
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.inference_mode():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in valid)
    print(right / len(valid.dataset))
