"""What Optuna is asked and told: a study that knows the trials of a journal, and settings as its parameters."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from .journal import Journal
from .space import AS_IT_IS, OWN, SOFT, TEMPERATURES, Place, Setting, default_of, has_temperature

BATCH = 8
"""Settings that are asked for and trained together."""


def study_of(optuna: Any, place: Place, journal: Journal) -> Any:
    """A study that knows the trials of the journal, the default setting first."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    done = trials_of(journal)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=len(done), n_startup_trials=2 * BATCH, constant_liar=True)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    space = distributions_of(optuna, place)
    for one in done:
        values = None if one["refused"] else [one["quality"], float(one["parameters"])]
        state = optuna.trial.TrialState.FAIL if values is None else optuna.trial.TrialState.COMPLETE
        study.add_trial(
            optuna.trial.create_trial(state=state, params=one["params"], distributions=space, values=values)
        )
    if not done:
        study.enqueue_trial(params_of(place, default_of(place)))
    return study


def distributions_of(optuna: Any, place: Place) -> dict[str, Any]:
    """What Optuna may propose, by name of the parameter."""
    choose, number = optuna.distributions.CategoricalDistribution, optuna.distributions.FloatDistribution
    found = {f"teacher {name}": choose((True, False)) for name in place.names if len(place.names) > 1}
    found |= {"fusion": choose(tuple(place.fusions)), "term": choose(tuple(place.terms))}
    found |= {"size": choose(tuple(place.sizes)), "augmentation": choose((AS_IT_IS, *place.augmentations))}
    found["soft"] = number(*SOFT)
    if any(map(has_temperature, place.terms.values())):
        found["temperature"] = number(*TEMPERATURES, log=True)
    return found


def params_of(place: Place, setting: Setting) -> dict[str, Any]:
    """The parameters that stand for a setting."""
    found: dict[str, Any] = {f"teacher {n}": n in setting.teachers for n in place.names if len(place.names) > 1}
    found |= {"fusion": setting.fusion, "term": setting.term, "size": OWN, "augmentation": AS_IT_IS}
    found["soft"] = min(max(setting.soft, SOFT[0]), SOFT[1])
    if any(map(has_temperature, place.terms.values())):
        found["temperature"] = setting.temperature
    return found


def setting_of(place: Place, params: Mapping[str, Any]) -> Setting:
    """The setting that parameters stand for; where every teacher was left out all are in."""
    chosen = tuple(name for name in place.names if params.get(f"teacher {name}", True)) or place.names
    softens = has_temperature(place.terms[params["term"]])
    return Setting(
        chosen,
        "mean" if len(chosen) == 1 else params["fusion"],
        params["term"],
        round(params["temperature"], 2) if softens else 1.0,
        round(params["soft"], 2) if place.labelled else 1.0,
        params["size"],
        params["augmentation"],
    )


def trials_of(journal: Journal) -> list[dict[str, Any]]:
    """The finished trials of a journal, in their order."""
    return [value for unit, value in journal.units.items() if unit.startswith("trial ")]
