-- What would another model's tokenizer cost?
--
-- The last thirty days of each model with the tokenizer of another one, at unchanged prices: the same
-- texts, more or fewer tokens. Low and high are a 95 % interval. The table tokenizer_drift has the
-- tokens per character behind it, by week.
SELECT
    model,
    other_model,
    factor,
    factor_low,
    factor_high,
    usd,
    usd_other,
    usd_other - usd AS usd_more,
    usd_other_low - usd AS usd_more_low,
    usd_other_high - usd AS usd_more_high,
    compared_share AS share_compared
FROM tokenizer_switch
ORDER BY usd DESC NULLS LAST, model, other_model;
