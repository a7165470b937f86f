"""Whether the audit is whole. Anyone who may verify sees positions and hashes, and nothing else."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Services, Write
from api.permissions import permission
from trial.audit.anchors import read_anchors
from trial.audit.verification import verify_audit

router = APIRouter()


class FindingTold(BaseModel):
    trouble: str
    where: str = Field(description="A position of the chain, a stretch of it, or a table and a record's id.")


class AuditVerdict(BaseModel):
    whole: bool
    entries: int
    head: str = Field(description="SHA-256 of the last entry in the chain.")
    anchors: int
    unanchored: int = Field(description="Entries after the last anchor that holds: not said to be good or bad.")
    findings: list[FindingTold]


@router.get("/audit/verify", openapi_extra=permission("audit:verify"))
def verify(services: Services, session: Write) -> AuditVerdict:
    """Compute every hash again, and compare with the anchors and with every record."""
    seen = verify_audit(session, read_anchors(services.settings.anchor_path))
    return AuditVerdict(
        whole=seen.is_whole,
        entries=seen.head.position,
        head=seen.head.hash,
        anchors=seen.anchors,
        unanchored=seen.unanchored,
        findings=[FindingTold(trouble=one.trouble.value, where=one.where) for one in seen.findings],
    )
