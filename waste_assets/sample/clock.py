"""Time in generated transcripts: whole milliseconds since 1970, UTC."""

from datetime import UTC, date, datetime

MS_PER_SECOND = 1_000
MS_PER_MINUTE = 60_000
MS_PER_DAY = 86_400_000

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_day_texts: dict[int, str] = {}


def to_ms(moment: str | datetime) -> int:
    """Milliseconds since 1970 of an ISO text or a datetime; without a zone it is taken as UTC."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * MS_PER_SECOND)


def day_text(ms: int) -> str:
    """The UTC day, `YYYY-MM-DD`."""
    number = ms // MS_PER_DAY
    text = _day_texts.get(number)
    if text is None:
        text = _day_texts[number] = date.fromordinal(_EPOCH_ORDINAL + number).isoformat()
    return text


def iso(ms: int) -> str:
    """The timestamp of a transcript line: `2026-03-02T09:00:00.000Z`."""
    seconds, milli = divmod(ms % MS_PER_DAY, MS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{day_text(ms)}T{hour:02d}:{minute:02d}:{second:02d}.{milli:03d}Z"
