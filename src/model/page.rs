/// How the waiting page looks, and what it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageSpec {
    /// The name of what is being waited for; "The application" where `None`.
    pub name: Option<String>,
    /// An image, as a `data:` URI.
    pub logo: Option<String>,
    /// A sentence of the operator's own.
    pub text: Option<String>,
    /// What it shows of the inside.
    pub detail: Detail,
    /// The operator's own template, in place of the built-in one.
    pub template: Option<String>,
}

/// What the waiting page shows of the inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Each service of the closure, by name, with its stage and times.
    Services,
    /// How far the whole has come and how long it may still take, no names.
    #[default]
    Progress,
    /// That it is starting; nothing else.
    None,
}
