"""Alerts: the month's budget, and a day on which waste has jumped; and the webhook they go to."""
