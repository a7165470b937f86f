"""What can be done, as the audit names it: ``subject:what:event``, and the permission that each act needs.

Invariants
1. Every audited act is one of these; there are no free strings.
2. Each act needs exactly one permission of the matrix, or is one of the three kinds that need none: SELF (one's own
   account), PARTICIPANT (answers through a one-visit link) and SYSTEM (a named system actor alone).
"""

from enum import StrEnum
from typing import Final

from trial.access.permissions import Permission


class NoPermission(StrEnum):
    """Acts that the matrix does not govern."""

    SELF = "self"
    PARTICIPANT = "participant"
    SYSTEM = "system"


class Action(StrEnum):
    # access
    ACCOUNT_CREATED = "access:account:created"
    ACCOUNT_CLOSED = "access:account:closed"
    ACCOUNT_LOCKED = "access:account:locked"
    SIGN_IN_FAILED = "access:sign_in:failed"
    SESSION_STARTED = "access:session:started"
    SESSION_ENDED = "access:session:ended"
    PASSWORD_CHANGED = "access:password:changed"  # noqa: S105 - the name of an act
    ROLE_GRANTED = "access:role:granted"
    ROLE_ENDED = "access:role:ended"
    RESET_REQUESTED = "access:reset:requested"
    RESET_APPROVED = "access:reset:approved"
    TOKEN_CREATED = "access:token:created"  # noqa: S105 - the name of an act
    TOKEN_REVOKED = "access:token:revoked"  # noqa: S105 - the name of an act
    ALERT_SEEN = "access:alert:seen"
    ALERT_MAILED = "access:alert:mailed"
    INFUSION_DOMAIN_GRANTED = "access:infusion_domain:granted"
    # the trial and its protocol
    TRIAL_CREATED = "trial:trial:created"
    TRIAL_STARTED = "trial:trial:started"
    PROTOCOL_VERSION_ADDED = "trial:protocol:version_added"
    PROTOCOL_ACTIVATED = "trial:protocol:activated"
    PROTOCOL_ADOPTED = "trial:protocol:adopted"
    SITE_ADDED = "trial:site:added"
    SITE_ACTIVATED = "trial:site:activated"
    SITE_CLOSED = "trial:site:closed"
    SITE_REOPENED = "trial:site:reopened"
    COHORT_PAUSED = "trial:cohort:paused"
    COHORT_RESUMED = "trial:cohort:resumed"
    PLANNED_NUMBER_CHANGED = "trial:planned_number:changed"
    # conduct
    PARTICIPANT_REGISTERED = "participant:screening:registered"
    REPLACEMENT_RECORDED = "participant:replacement:recorded"
    IDENTITY_RECORDED = "participant:identity:recorded"
    CONSENT_RECORDED = "participant:consent:recorded"
    SCREENING_RECORDED = "participant:screening:recorded"
    SCREENING_FAILED = "participant:screening:failed"
    ELIGIBILITY_SIGNED = "participant:eligibility:signed"
    BASELINE_RECORDED = "participant:baseline:recorded"
    BASELINE_CORRECTED = "participant:baseline:corrected"
    VISIT_RECORDED = "participant:visit:recorded"
    VISIT_MISSED = "participant:visit:missed"
    OUTCOME_RECORDED = "participant:outcome:recorded"
    PARTICIPANT_ANSWERED = "participant:outcome:answered"
    RATING_RECORDED = "participant:rating:recorded"
    INFUSION_ORDERED = "participant:infusion:ordered"
    INFUSION_RECORDED = "participant:infusion:recorded"
    INFUSION_MISSED = "participant:infusion:missed"
    GUESS_RECORDED = "participant:guess:recorded"
    DEVIATION_RECORDED = "participant:deviation:recorded"
    TREATMENT_ENDED = "participant:treatment:ended"
    STUDY_ENDED = "participant:study:ended"
    ATTENDANCE_RECORDED = "participant:attendance:recorded"
    CONCOMITANT_RECORDED = "participant:concomitant:recorded"
    QUERY_RAISED = "query:query:raised"
    QUERY_ANSWERED = "query:query:answered"
    QUERY_CLOSED = "query:query:closed"
    CASEBOOK_SIGNED = "participant:casebook:signed"
    # randomization, kits and arms
    LIST_DESIGNED = "randomization:list:designed"
    LIST_CONFIRMED = "randomization:list:confirmed"
    LIST_OPENED = "randomization:list:opened"
    LIST_HELD = "randomization:list:held"
    HOLD_RELEASE_ASKED = "randomization:hold:release_asked"
    HOLD_RELEASED = "randomization:hold:released"
    RECEIPT_TAKEN = "randomization:receipt:taken"
    RECEIPT_LINKED = "participant:receipt:linked"
    PARTICIPANT_RANDOMIZED = "participant:randomization:allocated"
    RANDOMIZATION_ERROR_MARKED = "participant:randomization:error_marked"
    ENVELOPES_MADE = "randomization:envelopes:made"
    ENVELOPE_RECONCILED = "participant:envelope:reconciled"
    SUPPLY_PLANNED = "kit:supply:planned"
    SUPPLY_REVIEWED = "kit:supply:reviewed"
    STOCK_BY_ARM_READ = "kit:stock_by_arm:read"
    KITS_SHIPPED = "kit:shipment:sent"
    KITS_RECEIVED = "kit:shipment:received"
    KIT_DISPENSED = "kit:kit:dispensed"
    KIT_SET_ASIDE = "kit:kit:set_aside"
    KIT_REPLACED = "kit:kit:replaced"
    KIT_RETURNED = "kit:kit:returned"
    EXCURSION_RECORDED = "kit:excursion:recorded"
    QUARANTINE_DECIDED = "kit:quarantine:decided"
    STOCK_COUNTED = "kit:stock:counted"
    KITS_SENT_BACK = "kit:return:sent"
    KITS_BACK_AT_DEPOT = "kit:return:received"
    KITS_DESTROYED = "kit:destruction:recorded"
    DESTRUCTION_WITNESSED = "kit:destruction:witnessed"
    PREPARATION_RECORDED = "pharmacy:preparation:recorded"
    PREPARATION_VERIFIED = "pharmacy:preparation:verified"
    BAG_RECEIVED = "pharmacy:bag:received"
    CODE_BROKEN = "unblinding:emergency:revealed"
    CODE_SENT = "unblinding:emergency:sent"
    CODE_READ_ON_SCREEN = "unblinding:emergency:read"
    UNBLINDING_REPORTED = "unblinding:outside:reported"
    UNBLINDING_ASSESSED = "unblinding:impact:assessed"
    SUSAR_UNBLINDED = "unblinding:susar:revealed"
    REGULATOR_COPY_OPENED = "unblinding:regulator_copy:opened"
    EXPEDITIONS_OPENED = "unblinding:expeditions:opened"
    CLOSED_FRAME_OPENED = "unblinding:closed_report:revealed"
    ENVELOPES_OPENED = "unblinding:envelopes:revealed"
    CLOSED_CODE_OPENED = "unblinding:closed_code:revealed"
    CLOSED_DOCUMENT_OPENED = "unblinding:closed_document:opened"
    UNBLINDED_PACK_OPENED = "unblinding:dataset_pack:opened"
    DATASET_UNBLINDED = "unblinding:end_of_trial:revealed"
    # safety
    EVENT_REPORTED = "safety:adverse_event:reported"
    EVENT_UPDATED = "safety:adverse_event:updated"
    EVENT_ASSESSED = "safety:adverse_event:assessed"
    EVENT_CODED = "safety:adverse_event:coded"
    MEDDRA_LOADED = "safety:meddra:loaded"
    BOUNDS_CHECKED = "safety:bounds:checked"
    RECRUITMENT_PAUSED_FOR_HARM = "safety:bounds:paused"
    HARM_PAUSE_RELEASED = "oversight:harm_pause:released"
    FILE_ATTACHED = "safety:attachment:attached"
    ATTACHMENT_WITHDRAWN = "safety:attachment:withdrawn"
    SITUATION_REPORTED = "safety:special_situation:reported"
    SITUATION_FOLLOWED_UP = "safety:special_situation:followed_up"
    ACCOUNT_SEALED = "safety:special_situation:account_sealed"
    SAE_SIGNED = "safety:sae:signed"
    SUSAR_ASSESSED = "safety:susar:assessed"
    NARRATIVE_WRITTEN = "safety:narrative:written"
    REPORT_DEALT_WITH = "safety:expedited_report:dealt_with"
    CLOCK_ESCALATED = "safety:clock:escalated"
    LETTER_ISSUED_BY_MONITOR = "safety:letter:issued_by_monitor"
    LETTER_ISSUED_BY_SPONSOR = "safety:letter:issued_by_sponsor"
    LETTER_ACKNOWLEDGED = "safety:letter:acknowledged"
    LISTING_UPLOADED = "safety:listing:uploaded"
    DIFFERENCE_ANSWERED = "safety:difference:answered"
    # oversight
    BOARD_MEMBER_APPOINTED = "oversight:member:appointed"
    MEETING_CONVENED = "oversight:meeting:convened"
    CONFLICT_DECLARED = "oversight:conflict:declared"
    VOTE_CAST = "oversight:vote:cast"
    RECOMMENDATION_SIGNED = "oversight:recommendation:signed"
    DECISION_TAKEN = "oversight:decision:taken"
    LEVERS_MOVED = "oversight:levers:moved"
    OPEN_REPORT_BUILT = "oversight:open_report:built"
    CLOSED_REPORT_BUILT = "oversight:closed_report:built"
    REPORT_OPENED = "oversight:report:opened"
    CLOSED_REPORT_OPENED = "oversight:closed_report:opened"
    # locks and datasets
    CUTOFF_TAKEN = "locks:cutoff:taken"
    DATA_FROZEN = "locks:data:frozen"
    LOCK_SIGNED = "locks:lock:signed"
    UNLOCK_SIGNED = "locks:unlock:signed"
    DATASET_BUILT = "locks:dataset:built"
    DATASET_PULLED = "locks:dataset:pulled"
    DUMMY_DATASET_PULLED = "locks:dummy_dataset:pulled"
    UNBLINDED_DATASET_PULLED = "locks:unblinded_dataset:pulled"
    # system
    ANCHOR_WRITTEN = "audit:anchor:written"
    KEYS_ROTATED = "system:keys:wrapped_again"
    JOB_RUN = "system:job:run"


PERMISSION_OF: Final[dict[Action, Permission | NoPermission]] = {
    Action.ACCOUNT_CREATED: Permission.ACCESS_MANAGE,
    Action.ACCOUNT_CLOSED: Permission.ACCESS_MANAGE,
    Action.ACCOUNT_LOCKED: NoPermission.SYSTEM,
    Action.SIGN_IN_FAILED: NoPermission.SYSTEM,
    Action.SESSION_STARTED: NoPermission.SELF,
    Action.SESSION_ENDED: NoPermission.SELF,
    Action.PASSWORD_CHANGED: NoPermission.SELF,
    Action.ROLE_GRANTED: Permission.ACCESS_MANAGE,
    Action.ROLE_ENDED: Permission.ACCESS_MANAGE,
    Action.RESET_REQUESTED: Permission.ACCESS_MANAGE,
    Action.RESET_APPROVED: Permission.ACCESS_MANAGE,
    Action.TOKEN_CREATED: NoPermission.SELF,
    Action.TOKEN_REVOKED: NoPermission.SELF,
    Action.ALERT_SEEN: NoPermission.SELF,
    Action.ALERT_MAILED: NoPermission.SYSTEM,
    Action.INFUSION_DOMAIN_GRANTED: Permission.INFUSION_DOMAIN_GRANT,
    Action.TRIAL_CREATED: NoPermission.SYSTEM,
    Action.TRIAL_STARTED: Permission.PROTOCOL_AMEND,
    Action.PROTOCOL_VERSION_ADDED: Permission.PROTOCOL_AMEND,
    Action.PROTOCOL_ACTIVATED: Permission.PROTOCOL_AMEND,
    Action.PROTOCOL_ADOPTED: Permission.PROTOCOL_ADOPT,
    Action.SITE_ADDED: Permission.SITE_ACTIVATE,
    Action.SITE_ACTIVATED: Permission.SITE_ACTIVATE,
    Action.SITE_CLOSED: Permission.SITE_ACTIVATE,
    Action.SITE_REOPENED: Permission.SITE_ACTIVATE,
    Action.COHORT_PAUSED: Permission.OVERSIGHT_DECIDE,
    Action.COHORT_RESUMED: Permission.OVERSIGHT_DECIDE,
    Action.PLANNED_NUMBER_CHANGED: Permission.OVERSIGHT_DECIDE,
    Action.PARTICIPANT_REGISTERED: Permission.SCREENING_WRITE,
    Action.REPLACEMENT_RECORDED: Permission.SCREENING_WRITE,
    Action.IDENTITY_RECORDED: Permission.IDENTITY_WRITE,
    Action.CONSENT_RECORDED: Permission.SCREENING_WRITE,
    Action.SCREENING_RECORDED: Permission.SCREENING_WRITE,
    Action.SCREENING_FAILED: Permission.SCREENING_WRITE,
    Action.ELIGIBILITY_SIGNED: Permission.ELIGIBILITY_SIGN,
    Action.BASELINE_RECORDED: Permission.SCREENING_WRITE,
    Action.BASELINE_CORRECTED: Permission.SCREENING_WRITE,
    Action.VISIT_RECORDED: Permission.VISIT_WRITE,
    Action.VISIT_MISSED: Permission.VISIT_WRITE,
    Action.OUTCOME_RECORDED: Permission.EFFICACY_WRITE,
    Action.PARTICIPANT_ANSWERED: NoPermission.PARTICIPANT,
    Action.RATING_RECORDED: Permission.VISIT_WRITE,
    Action.INFUSION_ORDERED: Permission.INFUSION_ORDER,
    Action.INFUSION_RECORDED: Permission.INFUSION_WRITE,
    Action.INFUSION_MISSED: Permission.INFUSION_WRITE,
    Action.GUESS_RECORDED: Permission.GUESS_WRITE,
    Action.DEVIATION_RECORDED: Permission.VISIT_WRITE,
    Action.TREATMENT_ENDED: Permission.VISIT_WRITE,
    Action.STUDY_ENDED: Permission.VISIT_WRITE,
    Action.ATTENDANCE_RECORDED: Permission.VISIT_WRITE,
    Action.CONCOMITANT_RECORDED: Permission.VISIT_WRITE,
    Action.QUERY_RAISED: Permission.QUERY_RAISE,
    Action.QUERY_ANSWERED: Permission.QUERY_ANSWER,
    Action.QUERY_CLOSED: Permission.QUERY_CLOSE,
    Action.CASEBOOK_SIGNED: Permission.CASEBOOK_SIGN,
    Action.LIST_DESIGNED: Permission.LIST_DESIGN,
    Action.LIST_CONFIRMED: Permission.LIST_CONFIRM,
    Action.LIST_OPENED: Permission.LIST_OPEN,
    Action.LIST_HELD: NoPermission.SYSTEM,
    Action.HOLD_RELEASE_ASKED: Permission.LIST_DESIGN,
    Action.HOLD_RELEASED: Permission.LIST_CONFIRM,
    Action.RECEIPT_TAKEN: Permission.LIST_DESIGN,
    Action.RECEIPT_LINKED: Permission.PARTICIPANT_RANDOMIZE,
    Action.PARTICIPANT_RANDOMIZED: Permission.PARTICIPANT_RANDOMIZE,
    Action.RANDOMIZATION_ERROR_MARKED: Permission.PARTICIPANT_RANDOMIZE,
    Action.ENVELOPES_MADE: Permission.ENVELOPE_PRINT,
    Action.ENVELOPE_RECONCILED: Permission.PARTICIPANT_RANDOMIZE,
    Action.SUPPLY_PLANNED: Permission.KIT_MANAGE,
    Action.SUPPLY_REVIEWED: Permission.KIT_MANAGE,
    Action.STOCK_BY_ARM_READ: Permission.KIT_MANAGE,
    Action.KITS_SHIPPED: Permission.KIT_MANAGE,
    Action.KITS_RECEIVED: Permission.KIT_RECEIVE,
    Action.KIT_DISPENSED: Permission.KIT_DISPENSE,
    Action.KIT_SET_ASIDE: Permission.KIT_RECEIVE,
    Action.KIT_REPLACED: Permission.KIT_DISPENSE,
    Action.KIT_RETURNED: Permission.KIT_RECEIVE,
    Action.EXCURSION_RECORDED: Permission.KIT_RECEIVE,
    Action.QUARANTINE_DECIDED: Permission.KIT_RECEIVE,
    Action.STOCK_COUNTED: Permission.KIT_RECEIVE,
    Action.KITS_SENT_BACK: Permission.KIT_RECEIVE,
    Action.KITS_BACK_AT_DEPOT: Permission.KIT_MANAGE,
    Action.KITS_DESTROYED: Permission.KIT_RECEIVE,
    Action.DESTRUCTION_WITNESSED: Permission.KIT_ACCOUNT,
    Action.PREPARATION_RECORDED: Permission.PHARMACY_PREPARE,
    Action.PREPARATION_VERIFIED: Permission.PHARMACY_VERIFY,
    Action.BAG_RECEIVED: Permission.INFUSION_WRITE,
    Action.CODE_BROKEN: Permission.UNBLINDING_EMERGENCY,
    Action.CODE_SENT: Permission.UNBLINDING_EMERGENCY,
    Action.CODE_READ_ON_SCREEN: NoPermission.SYSTEM,
    Action.UNBLINDING_REPORTED: Permission.UNBLINDING_EMERGENCY,
    Action.UNBLINDING_ASSESSED: Permission.UNBLINDING_ASSESS_IMPACT,
    Action.SUSAR_UNBLINDED: Permission.SUSAR_UNBLIND,
    Action.REGULATOR_COPY_OPENED: Permission.SUSAR_UNBLIND,
    Action.EXPEDITIONS_OPENED: Permission.SUSAR_UNBLIND,
    Action.CLOSED_FRAME_OPENED: Permission.ALLOCATION_READ,
    Action.ENVELOPES_OPENED: Permission.ALLOCATION_READ,
    Action.CLOSED_CODE_OPENED: Permission.REPORT_CLOSED_DECODE,
    Action.CLOSED_DOCUMENT_OPENED: Permission.REPORT_CLOSED_READ,
    Action.UNBLINDED_PACK_OPENED: Permission.DATASET_UNBLINDED_PULL,
    Action.DATASET_UNBLINDED: Permission.LIST_OPEN,
    Action.EVENT_REPORTED: Permission.ADVERSE_EVENT_REPORT,
    Action.EVENT_UPDATED: Permission.ADVERSE_EVENT_REPORT,
    Action.EVENT_ASSESSED: Permission.ADVERSE_EVENT_ASSESS,
    Action.EVENT_CODED: Permission.CODING_WRITE,
    Action.MEDDRA_LOADED: NoPermission.SYSTEM,
    Action.BOUNDS_CHECKED: NoPermission.SYSTEM,
    Action.RECRUITMENT_PAUSED_FOR_HARM: NoPermission.SYSTEM,
    Action.HARM_PAUSE_RELEASED: Permission.OVERSIGHT_DECIDE,
    Action.FILE_ATTACHED: Permission.ADVERSE_EVENT_REPORT,
    Action.ATTACHMENT_WITHDRAWN: Permission.ADVERSE_EVENT_REPORT,
    Action.SITUATION_REPORTED: Permission.ADVERSE_EVENT_REPORT,
    Action.SITUATION_FOLLOWED_UP: Permission.ADVERSE_EVENT_REPORT,
    Action.ACCOUNT_SEALED: Permission.ADVERSE_EVENT_REPORT,
    Action.SAE_SIGNED: Permission.SAE_SIGN,
    Action.SUSAR_ASSESSED: Permission.SUSAR_ASSESS,
    Action.NARRATIVE_WRITTEN: Permission.SUSAR_ASSESS,
    # Who sends to an authority knows the treatment, and nobody else does.
    Action.REPORT_DEALT_WITH: Permission.SUSAR_UNBLIND,
    Action.CLOCK_ESCALATED: NoPermission.SYSTEM,
    Action.LETTER_ISSUED_BY_MONITOR: Permission.SUSAR_ASSESS,
    Action.LETTER_ISSUED_BY_SPONSOR: Permission.OVERSIGHT_DECIDE,
    Action.LETTER_ACKNOWLEDGED: Permission.SAE_SIGN,
    Action.LISTING_UPLOADED: Permission.SUSAR_ASSESS,
    Action.DIFFERENCE_ANSWERED: Permission.SUSAR_ASSESS,
    # A seat on the board is a delegated task of the study; in the study the sponsor alone delegates.
    Action.BOARD_MEMBER_APPOINTED: Permission.DELEGATION_WRITE,
    Action.MEETING_CONVENED: Permission.BOARD_CONVENE,
    Action.CONFLICT_DECLARED: Permission.BOARD_VOTE,
    Action.VOTE_CAST: Permission.BOARD_VOTE,
    Action.RECOMMENDATION_SIGNED: Permission.BOARD_RECOMMEND,
    Action.DECISION_TAKEN: Permission.OVERSIGHT_DECIDE,
    Action.LEVERS_MOVED: Permission.OVERSIGHT_DECIDE,
    Action.OPEN_REPORT_BUILT: Permission.REPORT_OPEN_BUILD,
    Action.CLOSED_REPORT_BUILT: Permission.REPORT_CLOSED_BUILD,
    Action.REPORT_OPENED: Permission.REPORT_OPEN_READ,
    Action.CLOSED_REPORT_OPENED: Permission.REPORT_CLOSED_READ,
    Action.CUTOFF_TAKEN: Permission.DATA_CUTOFF,
    Action.DATA_FROZEN: Permission.DATA_FREEZE,
    Action.LOCK_SIGNED: Permission.DATA_LOCK,
    Action.UNLOCK_SIGNED: Permission.DATA_UNLOCK,
    Action.DATASET_BUILT: NoPermission.SYSTEM,
    Action.DATASET_PULLED: Permission.DATASET_NAIVE_PULL,
    Action.DUMMY_DATASET_PULLED: Permission.DATASET_DUMMY_PULL,
    Action.UNBLINDED_DATASET_PULLED: Permission.DATASET_UNBLINDED_PULL,
    Action.ANCHOR_WRITTEN: NoPermission.SYSTEM,
    Action.KEYS_ROTATED: NoPermission.SYSTEM,
    Action.JOB_RUN: NoPermission.SYSTEM,
}
