//! Errors that tell everything that is wrong at once.

/// An error that is a list of problems: `Display` joins them with semicolons.
macro_rules! problems_error {
    ($(#[$doc:meta])* $name:ident of $problem:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            problems: Vec<$problem>,
        }

        impl $name {
            /// Everything that is wrong.
            #[must_use]
            pub fn problems(&self) -> &[$problem] {
                &self.problems
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                for (i, problem) in self.problems.iter().enumerate() {
                    if i > 0 {
                        f.write_str("; ")?;
                    }
                    problem.fmt(f)?;
                }
                Ok(())
            }
        }

        impl std::error::Error for $name {}
    };
}

pub(crate) use problems_error;
