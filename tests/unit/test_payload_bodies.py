"""Every collected webhook body, and what is read in it."""

from __future__ import annotations

import pytest

from common.channels.whatsapp.body import decode
from common.channels.whatsapp.payload import parse
from common.messages import Echo, InboundMessage, OtherUpdate, StatusUpdate, Update
from tests.webhook_bodies import FILES

NOW = 1_800_000_000.0

#: Body -> what it holds: (class letter, kind or state, text). M message, E echo, S status, O other.
EXPECTED: dict[str, list[tuple[str, str, str | None]]] = {
    "account_review_update__01": [("O", "account_review_update", None)],
    "account_update_mm_lite_terms_signed__01": [("O", "account_update", None)],
    "audio_voice__01": [("M", "audio", None)],
    "audio_voice__02": [("M", "audio", None)],
    "automatic_events__01": [("O", "automatic_events", None)],
    "automatic_events__02": [("O", "automatic_events", None)],
    "button__01": [("M", "button", "Unsubscribe")],
    "button__02": [("M", "button", "title")],
    "button__03": [("M", "button", "No")],
    "calls_status_ringing_opaque__01": [("O", "calls", None)],
    "contacts__02": [("M", "contacts", "Chandler Bing, Monica, Rachel Green")],
    "document__02": [("M", "document", "80skaraokesonglistartist")],
    "document_forwarded__01": [("M", "document", "caption")],
    "history__01": [("O", "history", None)],
    "image__01": [("M", "image", "Taj Mahal")],
    "image__02": [("M", "image", None)],
    "image__04": [("M", "image", "Check out my new phone!")],
    "image__05": [("M", "image", None)],
    "image_media_download_error__x1": [("M", "image", "Check out my product!")],
    "interactive_button_reply__03": [("M", "interactive", "Yes")],
    "interactive_button_reply__04": [("M", "interactive", "Option 1")],
    "interactive_list_reply__01": [("M", "interactive", "Priority Mail Express")],
    "interactive_list_reply__02": [("M", "interactive", "title")],
    "interactive_list_reply__04": [("M", "interactive", "Yes")],
    "interactive_nfm_reply__01": [
        (
            "M",
            "interactive",
            (
                "Sent\ncomment_text: Comment Text\ndelivery_rating: 4\npurchase_rating: 2\nrecommend_radio: 0"
                "\ncs_rating: 0"
            ),
        ),
    ],
    "interactive_nfm_reply__03": [("M", "interactive", "Sent\nfirst_name: Bob\nage: 32")],
    "interactive_nfm_reply__04": [("M", "interactive", "Sent")],
    "location__01": [("M", "location", "Philz Coffee, 101 Forest Ave, Palo Alto, CA 94301")],
    "location_forwarded__01": [("M", "location", "12.25089, 43.90539")],
    "location_reply__01": [("M", "location", "Solomon R. Guggenheim Museum, 1071 5th Ave, New York, NY 10128")],
    "message_template_quality_update__01": [("O", "message_template_quality_update", None)],
    "message_template_status_update_approved__01": [("O", "message_template_status_update", None)],
    "multi2__01": [("O", "empty", None), ("O", "empty", None)],
    "ocs_document_message__x1": [("M", "document", "Here's the invoice")],
    "ocs_document_message_value_no_caption__x1": [("M", "document", "invoice.pdf")],
    "ocs_image_message__x1": [("M", "image", "Check this out")],
    "ocs_image_message_value_no_caption__x1": [("M", "image", None)],
    "ocs_text_message__x1": [("M", "text", "Hello")],
    "ocs_unsupported_message__x1": [("M", "unsupported", None)],
    "phone_number_name_update__01": [("O", "phone_number_name_update", None)],
    "reaction__01": [("M", "reaction", None)],
    "reaction__02": [("M", "reaction", None)],
    "reaction__03": [("M", "reaction", "\U0001f62e")],
    "reaction__04": [("M", "reaction", None)],
    "reaction__05": [("M", "reaction", None)],
    "reaction__06": [("M", "reaction", "\U0001f44d")],
    "smb_message_echoes_text__01": [
        ("E", "text", "Here's the info you requested! https://www.meta.com/quest/quest-3/"),
    ],
    "status_delivered__03": [("S", "delivered", None)],
    "status_delivered__04": [("S", "delivered", None)],
    "status_delivered_bsuid__01": [("S", "delivered", None)],
    "status_delivered_bsuid__02": [("S", "delivered", None)],
    "status_delivered_contact_no_profile__x1": [("S", "delivered", None)],
    "status_failed_131036__01": [("S", "failed", None)],
    "status_failed_131049__01": [("S", "failed", None)],
    "status_played__01": [("S", "played", None)],
    "status_read__01": [("S", "read", None)],
    "status_sent__02": [("S", "sent", None)],
    "status_sent_opaque__01": [("S", "sent", None)],
    "sticker__01": [("M", "sticker", None)],
    "sticker__03": [("M", "sticker", None)],
    "system_customer_identity_changed__01": [("M", "system", "User identity changed")],
    "template_category_update__01": [("O", "template_category_update", None)],
    "text__02": [("O", "stray_message", None)],
    "text__04": [("M", "text", "Hey there! I am using PyWa.")],
    "text__06": [("M", "text", "Hello World")],
    "text__07": [("M", "text", "Hello World")],
    "text__08": [("O", "stray_message", None)],
    "text__10": [("O", "stray_message", None)],
    "text__12": [("M", "text", "Hello")],
    "text__14": [("M", "text", "Hi!")],
    "text_bsuid__01": [("M", "text", "Hello World")],
    "text_bsuid__02": [("M", "text", "Hello World")],
    "text_bsuidonly__02": [("M", "text", "Hello World")],
    "text_forwarded__02": [("M", "text", "text forwarded many times")],
    "text_group__02": [("M", "text", "Hello World, group message")],
    "text_reply__01": [("M", "text", "replied text")],
    "unsupported_edit_errors__01": [("M", "unsupported", None)],
    "unsupported_errors__01": [("M", "unsupported", None)],
    "unsupported_errors__02": [("M", "unsupported", "Hello World")],
    "user_preferences_resume__01": [("O", "user_preferences", None)],
    "user_preferences_resume__02": [("O", "user_preferences", None)],
    "value_errors__01": [("O", "errors", None)],
    "value_errors__02": [("O", "errors", None)],
    "value_errors__03": [("O", "errors", None)],
    "value_errors__04": [("O", "errors", None)],
    "video_forwarded__01": [("M", "video", "caption")],
    "voice__01": [("M", "audio", None)],
}


def outline(update: Update) -> tuple[str, str, str | None]:
    match update:
        case InboundMessage(kind=kind, text=text):
            return "M", kind, text
        case Echo(kind=kind, text=text):
            return "E", kind, text
        case StatusUpdate(state=state):
            return "S", state, None
        case OtherUpdate(kind=kind):
            return "O", kind, None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_collected_body_reads_as_what_it_is(path):
    """Each body gives exactly the updates in it, of the right kind, with the words that a person would read."""
    updates = parse(decode(path.read_bytes()), received=NOW)

    assert [outline(update) for update in updates] == EXPECTED[path.stem]


def test_no_collected_body_is_left_out():
    """The table above covers the folder."""
    assert {path.stem for path in FILES} == set(EXPECTED)
    assert len(FILES) == 87
