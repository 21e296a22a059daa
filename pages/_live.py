"""A run as it happens: its events folded into what a page shows, and the parts that draw it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import _charts, _course, _judged, _plan, _ui
from pipeline import Course, TrainyardError, entry

if TYPE_CHECKING:
    from pipeline.store import Event, Run, Store

LOG_LINES = 200
STALLED_SECONDS = 10
WORKER_SECONDS = 10
SCORES, CURVES, TIMELINE = VIEWS = ("Scores", "Learning curves", "Timeline")


@dataclass
class Story:
    """What the events up to number `after` say; kept per session, so that a page reads each event once."""

    after: int = 0
    trials: dict[int, dict[str, Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    doing: str = ""
    course: Course = field(default_factory=Course)

    def catch_up(self, store: Store, run_id: str) -> None:
        while events := store.events(run_id, after=self.after):
            for event in events:
                self._take(event)
            self.after = events[-1].seq

    def _take(self, event: Event) -> None:
        told = event.payload
        self.course.take(event.kind, told, event.at)
        if event.kind == "trial":
            self.trials[told["number"]] = {**told, "title": _judged.family_title(told["family"])}
        elif event.kind == "warning" and told["message"] not in self.warnings:
            self.warnings.append(told["message"])
        elif event.kind == "phase":
            self.doing = told["message"]
        line = _line(event.kind, told)
        if line:
            self.log = [*self.log[1 - LOG_LINES :], f"{event.at.astimezone():%H:%M:%S}  {line}"]


def _line(kind: str, told: dict[str, Any]) -> str:
    """An event as a line of the log; empty for what the page shows better elsewhere."""
    if kind in ("phase", "warning", "log"):
        return told["message"]
    if kind == "fold":
        return f"trial {told['number']} {told['family']}: fold {told['fold']} of {told['folds']} scored {_judged.number(told['score'])}"
    if kind == "round":
        return f"trial {told['number']}: fold {told['fold']}, round {told['iteration']}"
    if kind == "fit":
        where = f"trial {told['number']} {told['family']}: " if told.get("number") is not None else ""
        return f"{where}{told['what']} {told.get('fold') or ''} in slot {told['slot'] + 1} took {told['seconds']:.1f} s".replace("  ", " ")
    if kind == "trial":
        scored = f"trial {told['number']} {told['family']}: {_judged.number(told['score'])} in {told['seconds']:.1f} s"
        return f"{scored} {told['message']}".strip()
    return (
        "" if kind in ("progress", "best", "trial_started", "usage") else f"{kind} {told.get('message') or told.get('state') or ''}".strip()
    )


def story(run: Run) -> Story:
    """The story so far, read up to now."""
    kept: Story = st.session_state.setdefault(f"story_{run.id}", Story())
    kept.catch_up(_ui.store(), run.id)
    return kept


def draw(run_id: str, polled: bool, view: str | None = SCORES) -> None:
    """The whole of a run, with one of the views. Drawn by one fragment; when the run has ended it asks for one full rerun, which ends the polling."""
    with _ui.shown():
        run = _ui.store().run(run_id)
        told = story(run)
    if polled and not run.active:
        st.rerun()
    head(run, told)
    if run.state in ("failed", "interrupted", "cancelled"):
        ending(run)
    if not run.analysis:  # what an analysis found is shown on the page that asked
        facts(run, told)
        _course.strip(told.course)
        body(run, told, view)
    if warnings := [*told.warnings, *_course.alarms(told.course)]:
        st.warning("  \n".join(map(_ui.md, warnings)), icon=":material/warning:")
    with st.expander("Log", key="log", icon=":material/notes:"):
        st.code("\n".join(told.log) or "Nothing yet.", language=None, height=280)


def body(run: Run, told: Story, view: str | None) -> None:
    """One view at a time: only what is open is computed."""
    if view == CURVES:
        _course.curves(run, told.course)
    elif view == TIMELINE:
        _course.timeline(run, told.course)
    else:
        left, right = st.columns([7, 5])
        with left:
            chart(run, told)
        with right:
            trials(run, told)


def head(run: Run, told: Story) -> None:
    with st.container(border=True, key="run_head"):
        with st.container(horizontal=True, vertical_alignment="center"):
            _ui.badge(run)
            st.markdown(_ui.md(_now(run, told)), width="stretch")
        if run.active:
            st.progress(min(max(run.progress, 0.0), 1.0), text=_remaining(run))
    if run.state == "queued" and _age(run.created) > WORKER_SECONDS:
        st.warning(
            "No worker has taken this run yet. One is started with each run; by hand: `python -m pipeline worker`. "
            "What it says is in `logs/worker.log` in the home folder.",
            icon=":material/warning:", title="Waiting for a worker",
        )  # fmt: skip


def _now(run: Run, told: Story) -> str:
    if run.state == "queued":
        return "Waiting for a worker"
    if run.state == "stopping":
        return "Stopping: nothing will be kept" if run.discarded else "Stopping: the best so far is being judged"
    if run.active:
        quiet = _age(run.heartbeat) if run.heartbeat else 0
        return f"The worker has not been heard of for {quiet:.0f} s" if quiet > STALLED_SECONDS else told.doing or "Starting"
    seconds = (run.finished - run.started).total_seconds() if run.finished and run.started else None
    if run.state != "done":
        return run.message
    return f"{_ui.analysis_title(run.analysis) if run.analysis else f'{run.trials_done} trials'} in {_ui.duration(seconds)}"


def _remaining(run: Run) -> str:
    share = f"{run.progress:.0%}"
    return f"{share} · about {_ui.duration(max(round(run.eta_seconds), 1))} left" if run.eta_seconds else share


def _age(when: datetime | None) -> float:
    return (datetime.now(UTC) - when).total_seconds() if when else 0.0


def buttons(run: Run) -> None:
    """Stop in two steps while it is on, keeping the best or nothing; resume when it ended early.

    Outside the polling fragment, and with the question in a popover that the browser opens by itself: a question kept in the session
    state was asked again when Streamlit replayed the click of a run that the answer had cut short.
    """
    if run.state in ("queued", "running"):
        with st.popover("Stop", key="cancel", icon=":material/stop_circle:"):
            st.markdown("Stop now and keep the best so far? Then it can be resumed.")
            _act("Stop and keep best", "cancel_yes", lambda: _ui.store().request_stop(run.id))
            st.markdown("Or end it without a model, and without what it has fitted?")
            _act("Discard", "discard_yes", lambda: _ui.store().discard(run.id), kind="secondary")
    elif run.state in ("failed", "interrupted", "cancelled"):
        name = f"Resume after {run.trials_done} trials" if run.trials_done and not run.discarded else "Start again"
        _act(name, "resume", lambda: _resume(run.id))


def _act(title: str, key: str, verb: Callable[[], object], kind: str = "primary") -> None:
    """A button that calls one verb and then draws the page anew, so that polling starts or ends."""
    if st.button(title, key=key, type=kind):
        try:
            verb()
        except TrainyardError as error:
            _ui.failure(error)
            return
        st.rerun()


def _resume(run_id: str) -> None:
    _ui.store().resume(run_id)
    _plan.wake_worker()


def replay(run: Run) -> None:
    """A run in seconds that is done can be made again, exactly: a button that starts that and opens it."""
    if run.state == "done" and not run.analysis and run.plan.search.seconds is not None and not run.plan.replay:
        what = "Makes the very trials of this run again, each ended where the clock ended it: the same models, on this kind of machine."
        if st.button("Replay exactly", key="replay", icon=":material/replay:", help=what):
            with _ui.shown():
                again = _ui.store().submit(_ui.store().replayed(run.id))
                _plan.wake_worker()
            _ui.go("pages/runs.py", run=again.id)


def ending(run: Run) -> None:
    """Why it ended early, the cause first, and what can be done."""
    word, icon, _ = _ui.STATES[run.state]
    hint = _ui.md(run.hint) or "Resume goes on after the last finished trial."
    (st.error if run.state == "failed" else st.info)(hint, icon=icon, title=_ui.md(run.message) or word)


def facts(run: Run, told: Story) -> None:
    metric = entry("metric", run.plan.metric)
    best = run.best or {}
    end = run.finished or datetime.now(UTC)
    failed = sum(t["state"] == "failed" for t in told.trials.values())
    _ui.cards([
        (f"Best {metric.title} so far" if run.active else f"Best {metric.title}", _judged.number(best.get("score")), metric.help),
        ("Family", _judged.family_title(best["family"]) if best.get("family") else "–"),
        ("Trials", f"{len(told.trials)}" + (f" · {failed} failed" if failed else "")),
        ("Time", _ui.duration((end - run.started).total_seconds()) if run.started else "–"),
        ("Budget", _plan.spelled(run.plan)),
    ])  # fmt: skip


def chart(run: Run, told: Story) -> None:
    metric = entry("metric", run.plan.metric)
    st.subheader("Best score so far", anchor=False)
    if not any(t["score"] is not None for t in told.trials.values()):
        st.caption("The first trial appears here in a few seconds." if run.active else "No trial was finished.")
        return
    rows = [told.trials[number] for number in sorted(told.trials)]
    fig = _charts.history(rows, metric=metric.title, greater=metric.facts.greater)
    _charts.show(fig, f"history_{run.id[:6]}", f"{metric.title} of every trial in order, with the best so far")


def trials(run: Run, told: Story) -> None:
    st.subheader("Trials", anchor=False)
    newest = sorted(told.trials.values(), key=lambda t: -t["number"])
    rows = [{"Trial": t["number"], "Family": t["title"], "Score": t["score"], "Seconds": t["seconds"], "State": t["state"]} for t in newest]
    if not rows:
        st.caption("None yet.")
        return
    config = {"Score": st.column_config.NumberColumn(format="%.4f"), "Seconds": st.column_config.NumberColumn(format="%.1f")}
    st.dataframe(
        rows,
        hide_index=True,
        column_config=config,
        height=_ui.height(len(rows), 7),
        key=f"trials_{run.id[:6]}",
        alt="The trials, newest first",
    )
