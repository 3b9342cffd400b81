import pytest

# Its assertions should explain themselves like those of the tests.
pytest.register_assert_rewrite("waste_assets_tests.support")
