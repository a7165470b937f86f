"""Pages of the efficacy assessor: questionnaires, and nothing of the infusion."""
