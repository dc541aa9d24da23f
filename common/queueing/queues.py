"""Names that producers and workers share: queues and the paths of job functions."""

from __future__ import annotations

WHATSAPP_AI = "whatsapp-ai"  # inbound turns, one lane per conversation
MESSAGES = "messages"  # outbound by people and the API, one lane per conversation
AI_RESPONSE = "ai-response"
INGESTION = "rag__ingestion"  # CPU-heavy: for forking workers
MAINTENANCE = "maintenance"

NOTIFY_EMAIL = "notifications__email"
NOTIFY_SMS = "notifications__sms"
NOTIFY_WHATSAPP = "notifications__whatsapp"
NOTIFY_TELEGRAM = "notifications__telegram"
NOTIFY_WEB = "notifications__web"
NOTIFICATIONS = (NOTIFY_EMAIL, NOTIFY_SMS, NOTIFY_WHATSAPP, NOTIFY_TELEGRAM, NOTIFY_WEB)

ALL = (WHATSAPP_AI, MESSAGES, AI_RESPONSE, *NOTIFICATIONS, INGESTION, MAINTENANCE)

ANSWER = "workers.jobs.answer"  # kwargs: tenant, conversation, message (mid)
SEND_MESSAGE = "workers.jobs.send_message"  # kwargs: tenant, message (mid)
