"""Hugging Face models from a local folder: classifiers, regressors and feature extractors of text."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from ..core import Classes, Columns, Features, InputError, Labels, Space, Values, require
from ..core.spaces import Answer
from .batching import evaluating, slices
from .digest import digest, digest_file
from .naming import class_names, reads_of, rows_in, seen_of
from .output import Reading

PARTS = (".safetensors", ".json", ".txt", ".model")
"""Endings of the files that a model and its tokenizer consist of; nothing else of the folder is looked at."""

LONGEST = 512
"""Tokens per row at most, where neither the model nor its tokenizer is shorter."""


@final
class TransformerTeacher:
    """A folder as `save_pretrained` of model and tokenizer writes it, asked about one or two columns of text.

    Nothing is fetched, no code out of the folder is run, and only safetensors weights are opened. The configuration
    decides: one output is a value, `multi_label_classification` labels, everything else classes, with the names in
    `id2label`. With `features=True` the head is left out and the answer is the mean of the last hidden states over the
    tokens. Rows are asked in the order of their length; a row without text (None or NaN) abstains.

    Args:
        folder: with config.json, model.safetensors and the tokenizer's files.
        reads: the column of text, or two that are encoded as a pair.
        name: unique among the teachers of a run; the folder's name unless given.
        classes: names of the outputs, instead of `id2label`.
        features: answer with `Features`.
        max_length: tokens per row, at which longer ones are cut; at most 512, unless given.
        batch_size: rows per call.
        device: where it is asked.
        seen: row numbers it was trained on.

    Raises:
        MissingExtraError: transformers is not installed (extra `hf`).
        InputError: the folder is incomplete, its weights are no safetensors or do not fill the model, it wants code of
            its own to be run, or it was made for another task.
    """

    frozen = True
    deterministic = True

    def __init__(
        self,
        folder: str | Path,
        *,
        reads: str | Sequence[str],
        name: str | None = None,
        classes: Sequence[Any] | np.ndarray | None = None,
        features: bool = False,
        max_length: int | None = None,
        batch_size: int = 32,
        device: str | torch.device = "cpu",
        seen: np.ndarray | Sequence[int] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.name = self.folder.resolve().name if name is None else name
        self.reads = reads_of(reads)
        self.seen = seen_of(seen)
        self.features = features
        self.batch_size = batch_size
        self.device = torch.device(device)
        self._who = f"teacher {self.name!r}"
        if len(self.reads) not in (1, 2) or batch_size < 1:
            raise InputError(f"{self._who} takes one or two columns of text and a batch_size of at least 1")
        self.model, self.tokenizer = _opened(self.folder, features, self._who)
        self.model = self.model.float().to(self.device).eval().requires_grad_(False)
        self.space = _space(self.model.config, classes, features, self._who)
        self._reading = None if features else Reading(self.space, _declared(self.space), self._who)
        made_for = [self.tokenizer.model_max_length, getattr(self.model.config, "max_position_embeddings", LONGEST)]
        self.max_length = min(LONGEST, *(size for size in made_for if size > 0)) if max_length is None else max_length
        self.parameters: int | None = sum(parameter.numel() for parameter in self.model.parameters())
        self._digest = digest({file.name: digest_file(file) for file in files_of(self.folder)})

    @property
    def output_found(self) -> str:
        """Logits, values or features, as the configuration says."""
        return "features" if self._reading is None else self._reading.described

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The bytes of weights, configuration and tokenizer, and how it is asked."""
        return {
            "kind": "transformer",
            "weights": self._digest,
            "numerics": f"{self.device.type}:float32",
            "output": f"{self.space.kind}:{self.max_length}",
            "reads": digest(self.reads),
            "names": digest(self.space.names),
        }

    def answer(self, columns: Columns) -> Answer:
        """The model's answer about these rows, on the CPU in float32.

        Raises:
            InputError: a column is missing or no text.
        """
        count = rows_in(columns, self.reads, self._who)
        texts = [_texts(np.asarray(columns[name]), name, self._who) for name in self.reads]
        known = [i for i in range(count) if all(text[i] is not None for text in texts)]
        valid = torch.zeros(count, dtype=torch.bool)
        valid[known] = True
        with torch.inference_mode(False), torch.no_grad(), evaluating(self.model):
            found = self._asked([[text[i] for i in known] for text in texts]) if known else None
            width = self._width() if found is None else int(found.shape[1])
            numbers = torch.zeros(count, width)
            if found is not None:
                numbers[valid] = found
            if self._reading is None:
                return Features.of(numbers, valid)
            if self.space.answer is not Classes:
                return self._reading.answer(numbers, valid=valid[:, None].expand(numbers.shape).clone())
            return self._reading.answer(numbers, valid=valid)

    def _width(self) -> int:
        return int(self.model.config.hidden_size) if self.features else int(self.model.config.num_labels)

    def _asked(self, texts: Sequence[Sequence[Any]]) -> Tensor:
        """[n, W] about rows that have text, in batches of rows of about one length."""
        pieces = self.tokenizer(*(list(part) for part in texts), truncation=True, max_length=self.max_length)
        lengths = [len(ids) for ids in pieces["input_ids"]]
        order = sorted(range(len(lengths)), key=lengths.__getitem__)
        parts: list[Tensor] = []
        for part in slices(len(order), self.batch_size):
            chosen = {name: [values[i] for i in order[part]] for name, values in pieces.items()}
            given = self.tokenizer.pad(chosen, return_tensors="pt").to(self.device)
            found = self.model(**given)
            parts.append((_mean(found, given["attention_mask"]) if self.features else found.logits).float().cpu())
        back = torch.empty(len(order), dtype=torch.int64)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(parts)[back]


def files_of(folder: Path) -> list[Path]:
    """The files of model and tokenizer, by name."""
    return [file for file in sorted(folder.iterdir()) if file.is_file() and file.suffix in PARTS]


def _opened(folder: Path, features: bool, who: str) -> tuple[Any, Any]:
    """Model and tokenizer.

    Raises:
        InputError: see the class.
    """
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder} has no config.json: give a folder that save_pretrained of model and tokenizer wrote"
        )
    library = require("transformers", extra="hf", why=f"open {folder.name}")
    maker = library.AutoModel if features else library.AutoModelForSequenceClassification
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        with _quiet(library):
            tokenizer = library.AutoTokenizer.from_pretrained(str(folder), **local)
            model, report = maker.from_pretrained(str(folder), use_safetensors=True, output_loading_info=True, **local)
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        told = (str(error).strip().splitlines() or [""])[0]
        raise InputError(
            f"{folder} cannot be opened ({type(error).__name__}: {told}): it needs model.safetensors (save_pretrained "
            "writes it), a tokenizer, and an architecture that transformers itself knows"
        ) from error
    lost = sorted(name for name in report["missing_keys"] if not (features and "pooler" in name))
    if lost or report["mismatched_keys"]:
        raise InputError(
            f"{who}: the weights in {folder} lack {lost[:5] or 'some shapes'}, which chance would make up: it was "
            "saved without this head; ask it with features=True, or give the folder of the fine-tuned model"
        )
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None or model.config.pad_token_id is None:
            raise InputError(f"{who}: its tokenizer has no pad token: set one (and pad_token_id) and save both again")
        tokenizer.pad_token_id = model.config.pad_token_id
    return model, tokenizer


@contextmanager
def _quiet(library: Any) -> Generator[None]:
    """Without progress bars and reports of what was loaded; as it was afterwards."""
    logging = library.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _space(config: Any, classes: Sequence[Any] | np.ndarray | None, features: bool, who: str) -> Space:
    if features:
        return Space(Features, ("mean",))
    own = [config.id2label[i] for i in range(config.num_labels)]
    if classes is not None and len(classes) != len(own):
        raise InputError(f"{who} has {len(own)} outputs {own[:9]}, but got {len(classes)} names")
    given = None if classes is None else class_names(classes)
    if config.problem_type == "regression" or config.num_labels == 1:
        made_up = all(name == f"LABEL_{i}" for i, name in enumerate(own))
        return Space(Values, given or (() if made_up else class_names(own)))
    kind = Labels if config.problem_type == "multi_label_classification" else Classes
    return Space(kind, given or class_names(own))


def _declared(space: Space) -> Any:
    return None if space.answer is Values else "logits"


def _texts(column: np.ndarray, name: str, who: str) -> list[str | None]:
    """One text per row, None where there is none.

    Raises:
        InputError: something else than text.
    """
    values = column.tolist()
    found = [None if value is None or value != value else value for value in values]
    wrong = next((value for value in found if value is not None and not isinstance(value, str)), None)
    if wrong is not None or column.ndim != 1:
        raise InputError(f"{who} reads column {name!r} as text, and it holds {wrong!r} (shape {column.shape})")
    return found


def _mean(found: Any, mask: Tensor) -> Tensor:
    """[n, D]: mean over the tokens that are no padding."""
    weight = mask.unsqueeze(-1).float()
    return (found.last_hidden_state.float() * weight).sum(1) / weight.sum(1).clamp_min(1.0)
