"""Tests of app/training/study."""
