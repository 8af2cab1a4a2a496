"""Machines that joined: their enrolment, their certificates, and what they serve for this gateway."""
