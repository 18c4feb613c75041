//! Switches by which the releases of a framework differ: fields here, keys in its profiles.

/// Defines a structure of switches, each a key of `[release]`.
macro_rules! switches {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $switch:ident: bool,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name { $($(#[$doc])* pub(crate) $switch: bool,)+ }

        impl $name {
            /// The keys.
            pub(crate) const SWITCHES: &'static [&'static str] = &[$(stringify!($switch)),+];

            /// What a profile says.
            pub(crate) fn of(profile: &$crate::scenario::Profile) -> Self {
                let on = |key: &str| profile.release.get(key) == Some(&true);
                Self { $($switch: on(stringify!($switch)),)+ }
            }
        }
    };
}

pub(crate) use switches;
