//! Events: iCalendar to and from the Calendar class.
