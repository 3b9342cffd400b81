"""`python -m waste_assets.cli`, where the program is not installed."""

from waste_assets.cli import main

if __name__ == "__main__":
    main()
