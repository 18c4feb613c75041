//! Presets: TOML in, domain types out. Embedded in the binary and read from folders by the same code.
