"""Synthetic users, and what the representation API knows about each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SIGN_IN_COOKIE = "stage_user"


@dataclass(frozen=True, slots=True)
class Person:
    """A synthetic user; `power_of_attorney` is the API's `data` for them, in snake_case."""

    name: str
    first_name: str
    power_of_attorney: dict[str, Any]


def _representative(data_id: str, name: str, line: str, phone: str, email: str) -> dict[str, Any]:
    return {
        "id": data_id,
        "type": "veteran_service_representatives",
        "attributes": {
            "address_line1": line,
            "address_line2": "Suite 12",
            "address_line3": None,
            "address_type": "Domestic",
            "city": "Springfield",
            "country_name": "United States",
            "country_code_iso3": "USA",
            "province": "Illinois",
            "international_postal_code": None,
            "state_code": "IL",
            "zip_code": "62701",
            "zip_suffix": "0001",
            "phone": phone,
            "type": "representative",
            "individual_type": "attorney",
            "email": email,
            "name": name,
        },
    }


def _organization(data_id: str, name: str, line: str, phone: str) -> dict[str, Any]:
    data = _representative(data_id, name, line, phone, email="")
    attributes = {**data["attributes"], "type": "organization", "address_line2": None}
    del attributes["email"], attributes["individual_type"]
    return {"id": data_id, "type": "veteran_service_organizations", "attributes": attributes}


PEOPLE: dict[str, Person] = {
    person.name: person
    for person in (
        Person(
            name="representative",
            first_name="Morgan",
            power_of_attorney=_representative(
                "10001",
                "Pat Q. Example",
                "500 Example Ave",
                "217-555-0134 x22",
                "pat@example.com",
            ),
        ),
        Person(
            name="organization",
            first_name="Riley",
            power_of_attorney=_organization(
                "074", "Example Veterans Society", "7 Sample Street", "217-555-0177"
            ),
        ),
        Person(name="no_representative", first_name="Casey", power_of_attorney={}),
    )
}

_STRANGER = _representative(
    "10002", "Robin T. Sampleton", "9 Placeholder Road", "217-555-0188", "robin@example.com"
)
_STRANGE_ORGANIZATION = _organization(
    "083", "Placeholder Veterans League", "12 Specimen Lane", "217-555-0166"
)


def somebody_else(person: Person) -> dict[str, Any]:
    """Return well-formed data that belongs to another user."""
    kind = person.power_of_attorney.get("attributes", {}).get("type")
    return _STRANGE_ORGANIZATION if kind == "organization" else _STRANGER
