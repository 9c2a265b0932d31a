//! Why something was refused: a closed list, each with the exact sentence that clients see.

macro_rules! reasons {
    ($($name:ident = $text:literal,)*) => {
        /// Why something was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Reason { $($name,)* }

        impl Reason {
            /// The sentence.
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    CustomIdShape = "custom_id must be a string of 1 to 1024 characters",
    CustomIdBlocklisted = "custom_id is blocklisted",
    UnknownApp = "unknown installation apikey",
    InstallationIdShape = "installation_id must be a UUID",

    AttributeName = "invalid attribute name",
    UnknownNative = "unknown native attribute",
    ValueType = "unsupported value type",
    StringLength = "string must hold 1 to 300 characters",
    Date = "invalid date",
    Url = "invalid url",
    ArrayLength = "array must hold 1 to 25 strings",
    ArrayItemLength = "array item must hold 1 to 300 characters",
    EmailAddress = "invalid email address",
    PhoneNumber = "invalid phone number",
    Subscription = "invalid subscription state",
    Language = "invalid language",
    Region = "invalid region",
    Timezone = "invalid timezone",
    Topic = "invalid topic",
    NeedsCustomId = "attribute requires a custom_id",
    TooManyAttributes = "too many attributes (max 50)",
    AttributesShape = "attributes must be an object",

    EventsShape = "events must be an array",
    EventShape = "invalid event",
    EventName = "invalid event name",
    Time = "invalid time",
    TimeTooOld = "time is more than 24 hours old",
    TimeInFuture = "time is in the future",
    TooManyEvents = "too many events (max 15)",
    TooManyEventAttributes = "too many attributes (max 20)",
    Label = "invalid label",
    Tags = "invalid tags",
    ReservedKey = "reserved key in nested object",
    TooDeep = "nesting deeper than 3 levels",
    EventArrayLength = "array must hold at most 25 items",
    MixedArray = "array items must be all strings or all objects",
}
