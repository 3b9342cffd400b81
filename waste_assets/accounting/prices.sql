-- Every charge with the rates it is billed at (USD per million tokens) and its price (USD).
--
-- $charges           name of the relation of charges (see price_charges in prices.py)
-- $raw_models        the distinct model names of the charges, as recorded
-- $canonical_models  their canonical names, in the same order
-- $price_file        prices.csv
--
-- A charge without a price keeps its row; its rates and all its usd columns are NULL.
WITH charges AS (
    FROM query_table($charges)
),

models AS (
    SELECT
        unnest($raw_models::VARCHAR[]) AS recorded,
        unnest($canonical_models::VARCHAR[]) AS model
),

prices AS (
    FROM read_csv(
        $price_file,
        header = true,
        auto_detect = false,
        delim = ',',
        quote = '"',
        nullstr = '',
        columns = {
            model: 'VARCHAR',
            speed: 'VARCHAR',
            valid_from: 'DATE',
            valid_to: 'DATE',
            above_prompt_tokens: 'BIGINT',
            input: 'DOUBLE',
            output: 'DOUBLE',
            write_5m: 'DOUBLE',
            write_1h: 'DOUBLE',
            read: 'DOUBLE',
            geo_us: 'DOUBLE',
            note: 'VARCHAR'
        }
    )
),

-- What decides a rate, apart from the length of the prompt: a few rows for many charges.
asked AS (
    SELECT DISTINCT
        model,
        priced_on,
        speed,
        inference_geo,
        service_tier,
        coalesce(nullif(lower(trim(speed)), ''), 'standard') AS price_speed,
        lower(trim(inference_geo)) IS NOT DISTINCT FROM 'us' AS in_us,
        -- A service tier we do not know has no factor: its price is unknown.
        CASE coalesce(nullif(lower(trim(service_tier)), ''), 'standard')
            WHEN 'standard' THEN 1.0
            WHEN 'priority' THEN 1.0
            WHEN 'batch' THEN 0.5
        END::DOUBLE AS tier_factor
    FROM charges
),

-- The price rows in force for each of them, and the prompt lengths each row holds for:
-- above its own threshold, up to the next larger one. At most one row fits a charge.
bands AS (
    SELECT
        asked.model,
        asked.priced_on,
        asked.speed,
        asked.inference_geo,
        asked.service_tier,
        prices.above_prompt_tokens AS above,
        lead(prices.above_prompt_tokens) OVER (
            PARTITION BY
                asked.model,
                asked.priced_on,
                asked.speed,
                asked.inference_geo,
                asked.service_tier
            ORDER BY prices.above_prompt_tokens
        ) AS up_to,
        asked.tier_factor * CASE WHEN asked.in_us THEN prices.geo_us ELSE 1.0 END AS factor,
        {
            'input': prices.input * factor,
            'write_5m': prices.write_5m * factor,
            'write_1h': prices.write_1h * factor,
            'read': prices.read * factor,
            'output': prices.output * factor
        } AS rates
    FROM asked
    INNER JOIN models
        ON asked.model = models.recorded
    INNER JOIN prices
        ON models.model = prices.model
        AND asked.price_speed = prices.speed
        AND (prices.valid_from IS NULL OR asked.priced_on >= prices.valid_from)
        AND (prices.valid_to IS NULL OR asked.priced_on < prices.valid_to)
    WHERE asked.priced_on IS NOT NULL
        AND asked.tier_factor IS NOT NULL
)

SELECT
    charges.*,
    bands.rates AS rates,
    charges.input_tokens * bands.rates.input / 1e6 AS usd_input,
    charges.write_5m_tokens * bands.rates.write_5m / 1e6 AS usd_write_5m,
    charges.write_1h_tokens * bands.rates.write_1h / 1e6 AS usd_write_1h,
    charges.read_tokens * bands.rates.read / 1e6 AS usd_read,
    charges.output_tokens * bands.rates.output / 1e6 AS usd_output,
    -- USD 10 per 1,000 searches, whatever the model, its speed, region or service tier.
    CASE
        WHEN bands.rates IS NOT NULL THEN charges.web_search_requests * 10.0::DOUBLE / 1000
    END AS usd_web_search,
    usd_input + usd_write_5m + usd_write_1h + usd_read + usd_output + usd_web_search AS usd
FROM charges
LEFT JOIN bands
    ON charges.model = bands.model
    AND charges.priced_on = bands.priced_on
    AND charges.speed IS NOT DISTINCT FROM bands.speed
    AND charges.inference_geo IS NOT DISTINCT FROM bands.inference_geo
    AND charges.service_tier IS NOT DISTINCT FROM bands.service_tier
    AND (
        bands.above = 0
        OR charges.input_tokens
        + charges.write_5m_tokens
        + charges.write_1h_tokens
        + charges.read_tokens > bands.above
    )
    AND (
        bands.up_to IS NULL
        OR charges.input_tokens
        + charges.write_5m_tokens
        + charges.write_1h_tokens
        + charges.read_tokens <= bands.up_to
    )
