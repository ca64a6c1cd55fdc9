"""Tests of the templates, of what they deploy, and of the roles they grant."""
