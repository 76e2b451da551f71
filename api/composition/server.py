"""The HTTP application, and whatever a server does beside answering."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from litestar import Litestar

from api.composition.application import Application
from api.composition.campaigns import open_campaigns
from api.composition.console import console_of
from api.composition.decision_log import DecisionLogging
from api.composition.drift import drift_of
from api.composition.experiments import campaign_creations, flag_records
from api.composition.metrics import shadows_told
from api.composition.observers import request_observer
from api.composition.registry import audit_trail
from api.composition.surveys import surveys_of
from api.composition.web import customer_tokens, flags_of, sign_token
from api.http import MAX_PURCHASES, Cursors, create_app
from api.http.access import Access, Openness
from api.http.admission import Admission
from api.http.services import Audiences, Deciding, Readiness, Services
from api.process.creating import CampaignCreations
from api.process.key_polling import KeyPolling
from api.process.polling import LivePolling
from api.process.surveys import Surveys
from domain.decision_log import LogDecisions
from domain.keys import Keyring
from domain.prediction import DecideFlags, PredictPropensity
from model_registry.serving import ShadowScoring


def http_application(built: Application, *, close: Callable[[], object]) -> Litestar:
    """The HTTP application, which loads models from its start on; at its end it calls `close`."""
    settings, metrics, tracing = built.settings, built.metrics, built.tracing
    predicting = _Predicting(built)
    logging = DecisionLogging(settings, metrics)
    creations, surveys = campaign_creations(built), surveys_of(built)
    keyring = Keyring(clock=built.clock, monotonic=time.monotonic)
    key_polling = KeyPolling(built.key_store, keyring)
    admission = Admission(in_work=settings.requests_in_work, waiting=settings.requests_waiting)
    watches = [] if metrics is None else [metrics.watch(admission, built.live)]
    app = create_app(
        _services(built, predicting.predict, logging.log, creations, surveys),
        currency=built.currency,
        access=Access(keyring=keyring, openness=Openness.of(settings)),
        admission=admission,
        observer=request_observer(settings, metrics),
        tracer=None if tracing is None else tracing.requests,
        silence_s=settings.client_silence_s,
        sign_token=partial(sign_token, settings) if settings.demo_shop else None,
        console=console_of(built),
        start=[
            *predicting.start,
            key_polling.start,
            logging.start,
            *(each.start for each in watches),
        ],
        close=[
            creations.stop,
            surveys.stop,
            logging.stop,
            *(each.stop for each in watches),
            key_polling.stop,
            predicting.stop,
            close,
        ],
    )
    _ = app.openapi_schema  # built now: no request is to wait until it is
    return app


class _Predicting:
    """Predictions, and what stands beside them: polling, shadows, drift."""

    def __init__(self, built: Application) -> None:
        settings = built.settings
        self._shadows = ThreadPoolExecutor(1, thread_name_prefix="shadows")
        shadowing = {
            name: ShadowScoring(
                settings.banner_policy,
                hand_off=self._shadows.submit,
                tell=shadows_told(built.metrics, name),
            )
            for name in settings.served_models
        }
        self._polling = [
            LivePolling(
                live,
                built.presence,
                every_s=settings.registry_poll_s,
                shadow_reports=shadowing[name].newest,
            )
            for name, live in built.live.by_name.items()
        ]
        self._drift = drift_of(built.live, built.presence, built.clock, built.metrics)
        predict = replace(
            built.predict,
            observe=lambda observation: shadowing[observation.traffic.name].observe(observation),
        )
        if built.tracing is not None:
            predict = replace(predict, score=replace(predict.score, score=built.tracing.scores))
        self.predict: PredictPropensity = self._drift.watched(predict)

    @property
    def start(self) -> Sequence[Callable[[], object]]:
        """What begins with the server."""
        return [*(each.start for each in self._polling), self._drift.watching.start]

    def stop(self) -> None:
        """Nothing is polled, counted or shadowed any more."""
        for each in self._polling:
            each.stop()
        self._drift.watching.stop()
        self._shadows.shutdown(cancel_futures=True)  # what waits is of no use any more


def _services(
    built: Application,
    predict: PredictPropensity,
    log: LogDecisions,
    creations: CampaignCreations,
    surveys: Surveys,
) -> Services:
    settings = built.settings
    campaigns = open_campaigns(settings, members=False)
    return Services(
        predict=predict,
        take_in=replace(built.take_in, max_items=MAX_PURCHASES),
        refund=built.refund,
        cancel=built.cancel,
        erase=built.erase,
        index=built.index,
        audiences=_audiences(built),
        campaigns=campaigns,
        campaign_records=campaigns,
        campaign_creations=creations,
        surveys=surveys,
        flag_records=flag_records(settings),
        readiness=Readiness(
            health=built.tables,
            traffic={name: each.snapshot for name, each in built.live.by_name.items()},
            problems=lambda name: built.live.by_name[name].problems,
        ),
        registry=built.registry,
        presence=built.presence,
        keys=built.keys,
        deciding=Deciding(
            tokens=customer_tokens(settings),
            log=log,
            decide=DecideFlags(
                predict=predict,
                flags=flags_of(settings),
                deadline_s=settings.decision_deadline_ms / 1_000,
            ),
        ),
        audit=audit_trail(settings),
    )


def _audiences(built: Application) -> Audiences:
    settings, key = built.settings, built.settings.cursor_key
    return Audiences(
        score=built.audience,
        plan=built.plan_audience,
        cursors=Cursors(
            None if key is None else key.value, ttl_s=settings.cursor_ttl_s, clock=built.clock
        ),
        traffic=built.audience_traffic,
        clock=built.clock,
        page_deadline_s=settings.read_deadline_s,
        stream_deadline_s=settings.audience_deadline_s,
    )
