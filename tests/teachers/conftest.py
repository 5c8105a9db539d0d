"""Small real models on scikit-learn's own data, fitted once per session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from torch import nn

WORDS = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


@dataclass(frozen=True)
class Digits:
    columns: dict[str, np.ndarray]
    target: np.ndarray
    train: np.ndarray
    test: np.ndarray

    def part(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {name: column[rows] for name, column in self.columns.items()}

    @property
    def shown(self) -> dict[str, np.ndarray]:
        """Forty test rows."""
        return self.part(self.test[:40])


class Net(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(8 * 16, classes))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(image))


@pytest.fixture(scope="session")
def digits() -> Digits:
    found: Any = load_digits()
    pixels = (found.data / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(pixels))
    columns = {
        "pixels": pixels,
        "image": pixels.reshape(-1, 1, 8, 8),
        "ink": pixels.sum(1),
        "row": np.arange(len(pixels)),
        "unread": np.array(["secret"] * len(pixels)),
    }
    return Digits(columns, found.target, np.sort(order[:1000]), np.sort(order[1000:]))


@pytest.fixture(scope="session")
def forest(digits: Digits) -> Any:
    found = RandomForestClassifier(30, random_state=0)
    return found.fit(digits.columns["pixels"][digits.train], digits.target[digits.train])


@pytest.fixture(scope="session")
def word_forest(digits: Digits) -> Any:
    found = RandomForestClassifier(30, random_state=0)
    return found.fit(digits.columns["pixels"][digits.train], WORDS[digits.target[digits.train]])


@pytest.fixture(scope="session")
def net(digits: Digits) -> Net:
    torch.manual_seed(0)
    found = Net()
    images = torch.from_numpy(digits.columns["image"][digits.train])
    target = torch.from_numpy(digits.target[digits.train])
    optimizer = torch.optim.Adam(found.parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.cross_entropy(found(images), target).backward()
        optimizer.step()
    return found


@pytest.fixture(scope="session")
def exported(net: Net, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "net.pt2"
    training = net.training
    rows = torch.export.Dim("rows")
    program = torch.export.export(net.eval(), (torch.zeros(4, 1, 8, 8),), dynamic_shapes=({0: rows},))
    torch.export.save(program, path)
    net.train(training)
    return path


@pytest.fixture(scope="session")
def onnx_files(word_forest: Any, forest: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from skl2onnx import to_onnx

    folder = tmp_path_factory.mktemp("onnx")
    example = np.zeros((1, 64), dtype=np.float32)
    made: dict[str, Any] = {
        "zipped": to_onnx(word_forest, example, target_opset=17),
        "plain": to_onnx(word_forest, example, options={id(word_forest): {"zipmap": False}}, target_opset=17),
        "numbers": to_onnx(forest, example, target_opset=17),
    }
    for name, model in made.items():
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    return {name: folder / f"{name}.onnx" for name in made}


@pytest.fixture(scope="session")
def iris() -> tuple[np.ndarray, np.ndarray, list[str]]:
    found: Any = load_iris()
    return found.data, found.target, ["sepal_length", "sepal_width", "petal_length", "petal_width"]


@pytest.fixture(scope="session")
def breast() -> tuple[np.ndarray, np.ndarray]:
    found: Any = load_breast_cancer()
    return found.data, found.target
