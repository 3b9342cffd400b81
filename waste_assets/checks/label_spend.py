"""label_spend: the ledger of labels against itself, as part of what is published."""

from waste_assets.checks.check import Check
from waste_assets.mart.tables import LABEL_SPEND

_ASSET = "waste_mart"
_BILLED = "('answered', 'refused', 'truncated', 'invalid')"
_SHOWN = "day, sending_id, key, outcome, model_asked, model_returned, reserved_usd, usd"

#: They read the published database as `bi`.
CHECKS = (
    Check(
        _ASSET,
        "label_spend_within_reserved",
        "No request for a label cost more than was set aside for it before it was sent.",
        f"bi.{LABEL_SPEND.name}",
        f"SELECT {_SHOWN} FROM bi.{LABEL_SPEND.name} WHERE usd > reserved_usd + 1e-12",
        "requests for labels",
        "cost more than was set aside for them",
        "compare the prices of the model in accounting/prices.csv with the provider's, and report "
        "a bug",
        blocking=False,
    ),
    Check(
        _ASSET,
        "label_spend_has_provenance",
        "Whatever a model answered for money names the model, the message and its tokens.",
        f"bi.{LABEL_SPEND.name}",
        f"""
        SELECT {_SHOWN}
        FROM bi.{LABEL_SPEND.name}
        WHERE (outcome IN {_BILLED} AND (
                model_returned IS NULL OR request_id IS NULL OR usd IS NULL
                OR input_tokens IS NULL OR write_tokens IS NULL OR read_tokens IS NULL
                OR output_tokens IS NULL
            ))
            OR (outcome = 'in_flight') <> (usd IS NULL)
            OR (NOT is_synthetic AND starts_with(request_id, 'msg_FAKE_'))
        """,
        "requests for labels",
        "do not say who answered, or for how much",
        "restore the state database from a copy, and report a bug",
    ),
    Check(
        _ASSET,
        "label_spend_known",
        "No request for a label was lost: each is under way, or its fate is known.",
        f"bi.{LABEL_SPEND.name}",
        f"""
        SELECT {_SHOWN}
        FROM bi.{LABEL_SPEND.name}
        WHERE outcome = 'lost'
            OR (outcome = 'in_flight' AND asked_at < now() - INTERVAL 2 DAY)
        """,
        "requests for labels",
        "are lost, and counted as the most they can have cost, or have been under way for days",
        "run `waste-assets labels collect`, and compare with the provider's bill",
        blocking=False,
    ),
)
