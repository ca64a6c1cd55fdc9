"""What a suggestion looks like for fleets as people have them."""

from __future__ import annotations

from backstay.config import parse_policy
from backstay.core.suggest import suggestion
from tests.fleet import IRELAND, database


def test_given_tags_that_say_what_matters_when_suggested_then_tiers_by_them_important_first() -> None:
    fleet = [
        database("web", tags={"env": "dev"}),
        database("orders", tags={"env": "production"}),
        database("ledger", tags={"env": "production"}),
        database("old", tags={"team": "x"}),
    ]
    suggested = suggestion(fleet)
    assert suggested.counts == {"production": 2, "dev": 1, "standard": 1}
    assert (
        suggested.document.partition("tiers:\n")[2]
        == """\
  # 2 databases (orders, ledger): tag env=production
  - name: "production"
    match: {tags: {"env": "production"}}
    objectives: {rpo: 15m, rto: 4h}
    pitr: {window: 14d, apply: maintenance_window}
    require: [encrypted, private, deletion_protection, copy_tags]
  # 1 database (web): tag env=dev
  - name: "dev"
    match: {tags: {"env": "dev"}}
  # 1 database (old): the catch-all is written, never implied
  - name: "standard"
    match: {names: "*"}
"""
    )


def test_given_no_such_tags_when_suggested_then_by_words_in_names_and_then_by_engine() -> None:
    assert suggestion([database("orders-prod", tags={}), database("product", tags={})]).counts == {
        "prod": 1,
        "standard": 1,
    }
    aurora = database("ledger", tags={}, engine="aurora-postgresql")
    assert suggestion([aurora, database("x", tags={})]).counts == {"aurora": 1, "standard": 1}
    assert suggestion([aurora]).counts == {"standard": 1}


def test_given_nothing_when_suggested_then_the_catch_all_alone_is_a_valid_policy() -> None:
    suggested = suggestion([])
    assert suggested.counts == {"standard": 0}
    assert len(parse_policy(suggested.document, "x").tiers) == 1


def test_given_what_aws_backup_owns_when_suggested_then_it_is_managed_elsewhere_unless_a_namesake_is_not() -> None:
    owned = database("owned", managed_by="aws-backup")
    shared, namesake = database("shared", managed_by="aws-backup"), database("shared", scope=IRELAND)
    suggested = suggestion([owned, shared, namesake])
    assert '{match: {names: ["owned"]}, by: aws-backup}' in suggested.document
    assert suggested.places[shared.id.key] == "gold"


def test_given_thousands_that_aws_backup_owns_when_suggested_then_the_document_stays_within_its_bounds() -> None:
    fleet = [database(f"db-{number}", managed_by="aws-backup", tags={}) for number in range(5000)]
    suggested = suggestion(fleet)
    parse_policy(suggested.document, "x")
    assert suggested.counts == {"standard": 5000}
