//! The 26 code pages of Exchange ActiveSync: MS-ASWBXML 2.1.2.1 "Code Pages".
//!
//! One row makes the constant, the name in logs and both directions of the codec. A row ends with the first protocol
//! version that may carry the tag, times ten (0: no version does); `legacy` rows are tags that only old clients send.

use crate::tag::code_page;

code_page! {
    /// MS-ASWBXML 2.1.2.1.1 "Code Page 0: AirSync".
    airsync = 0 "AirSync" {
        SYNC = 0x05 "Sync" since 25,
        RESPONSES = 0x06 "Responses" since 25,
        ADD = 0x07 "Add" since 25,
        CHANGE = 0x08 "Change" since 25,
        DELETE = 0x09 "Delete" since 25,
        FETCH = 0x0A "Fetch" since 25,
        SYNC_KEY = 0x0B "SyncKey" since 25,
        CLIENT_ID = 0x0C "ClientId" since 25,
        SERVER_ID = 0x0D "ServerId" since 25,
        STATUS = 0x0E "Status" since 25,
        COLLECTION = 0x0F "Collection" since 25,
        CLASS = 0x10 "Class" since 25,
        VERSION = 0x11 "Version" since 20, // legacy
        COLLECTION_ID = 0x12 "CollectionId" since 25,
        GET_CHANGES = 0x13 "GetChanges" since 25,
        MORE_AVAILABLE = 0x14 "MoreAvailable" since 25,
        WINDOW_SIZE = 0x15 "WindowSize" since 25,
        COMMANDS = 0x16 "Commands" since 25,
        OPTIONS = 0x17 "Options" since 25,
        FILTER_TYPE = 0x18 "FilterType" since 25,
        TRUNCATION = 0x19 "Truncation" since 20, // legacy
        RTF_TRUNCATION = 0x1A "RTFTruncation" since 20, // legacy
        CONFLICT = 0x1B "Conflict" since 25,
        COLLECTIONS = 0x1C "Collections" since 25,
        APPLICATION_DATA = 0x1D "ApplicationData" since 25,
        DELETES_AS_MOVES = 0x1E "DeletesAsMoves" since 25,
        NOTIFY_GUID = 0x1F "NotifyGUID" since 20, // legacy
        SUPPORTED = 0x20 "Supported" since 25,
        SOFT_DELETE = 0x21 "SoftDelete" since 25,
        MIME_SUPPORT = 0x22 "MIMESupport" since 25,
        MIME_TRUNCATION = 0x23 "MIMETruncation" since 25,
        WAIT = 0x24 "Wait" since 121,
        LIMIT = 0x25 "Limit" since 121,
        PARTIAL = 0x26 "Partial" since 121,
        CONVERSATION_MODE = 0x27 "ConversationMode" since 140,
        MAX_ITEMS = 0x28 "MaxItems" since 140,
        HEARTBEAT_INTERVAL = 0x29 "HeartbeatInterval" since 140,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.2 "Code Page 1: Contacts".
    contacts = 1 "Contacts" {
        ANNIVERSARY = 0x05 "Anniversary" since 25,
        ASSISTANT_NAME = 0x06 "AssistantName" since 25,
        ASSISTANT_PHONE_NUMBER = 0x07 "AssistantPhoneNumber" since 25,
        BIRTHDAY = 0x08 "Birthday" since 25,
        BODY = 0x09 "Body" since 25, // legacy
        BODY_SIZE = 0x0A "BodySize" since 25, // legacy
        BODY_TRUNCATED = 0x0B "BodyTruncated" since 25, // legacy
        BUSINESS2_PHONE_NUMBER = 0x0C "Business2PhoneNumber" since 25,
        BUSINESS_ADDRESS_CITY = 0x0D "BusinessAddressCity" since 25,
        BUSINESS_ADDRESS_COUNTRY = 0x0E "BusinessAddressCountry" since 25,
        BUSINESS_ADDRESS_POSTAL_CODE = 0x0F "BusinessAddressPostalCode" since 25,
        BUSINESS_ADDRESS_STATE = 0x10 "BusinessAddressState" since 25,
        BUSINESS_ADDRESS_STREET = 0x11 "BusinessAddressStreet" since 25,
        BUSINESS_FAX_NUMBER = 0x12 "BusinessFaxNumber" since 25,
        BUSINESS_PHONE_NUMBER = 0x13 "BusinessPhoneNumber" since 25,
        CAR_PHONE_NUMBER = 0x14 "CarPhoneNumber" since 25,
        CATEGORIES = 0x15 "Categories" since 25,
        CATEGORY = 0x16 "Category" since 25,
        CHILDREN = 0x17 "Children" since 25,
        CHILD = 0x18 "Child" since 25,
        COMPANY_NAME = 0x19 "CompanyName" since 25,
        DEPARTMENT = 0x1A "Department" since 25,
        EMAIL1_ADDRESS = 0x1B "Email1Address" since 25,
        EMAIL2_ADDRESS = 0x1C "Email2Address" since 25,
        EMAIL3_ADDRESS = 0x1D "Email3Address" since 25,
        FILE_AS = 0x1E "FileAs" since 25,
        FIRST_NAME = 0x1F "FirstName" since 25,
        HOME2_PHONE_NUMBER = 0x20 "Home2PhoneNumber" since 25,
        HOME_ADDRESS_CITY = 0x21 "HomeAddressCity" since 25,
        HOME_ADDRESS_COUNTRY = 0x22 "HomeAddressCountry" since 25,
        HOME_ADDRESS_POSTAL_CODE = 0x23 "HomeAddressPostalCode" since 25,
        HOME_ADDRESS_STATE = 0x24 "HomeAddressState" since 25,
        HOME_ADDRESS_STREET = 0x25 "HomeAddressStreet" since 25,
        HOME_FAX_NUMBER = 0x26 "HomeFaxNumber" since 25,
        HOME_PHONE_NUMBER = 0x27 "HomePhoneNumber" since 25,
        JOB_TITLE = 0x28 "JobTitle" since 25,
        LAST_NAME = 0x29 "LastName" since 25,
        MIDDLE_NAME = 0x2A "MiddleName" since 25,
        MOBILE_PHONE_NUMBER = 0x2B "MobilePhoneNumber" since 25,
        OFFICE_LOCATION = 0x2C "OfficeLocation" since 25,
        OTHER_ADDRESS_CITY = 0x2D "OtherAddressCity" since 25,
        OTHER_ADDRESS_COUNTRY = 0x2E "OtherAddressCountry" since 25,
        OTHER_ADDRESS_POSTAL_CODE = 0x2F "OtherAddressPostalCode" since 25,
        OTHER_ADDRESS_STATE = 0x30 "OtherAddressState" since 25,
        OTHER_ADDRESS_STREET = 0x31 "OtherAddressStreet" since 25,
        PAGER_NUMBER = 0x32 "PagerNumber" since 25,
        RADIO_PHONE_NUMBER = 0x33 "RadioPhoneNumber" since 25,
        SPOUSE = 0x34 "Spouse" since 25,
        SUFFIX = 0x35 "Suffix" since 25,
        TITLE = 0x36 "Title" since 25,
        WEB_PAGE = 0x37 "WebPage" since 25,
        YOMI_COMPANY_NAME = 0x38 "YomiCompanyName" since 25,
        YOMI_FIRST_NAME = 0x39 "YomiFirstName" since 25,
        YOMI_LAST_NAME = 0x3A "YomiLastName" since 25,
        COMPRESSED_RTF = 0x3B "CompressedRTF" since 25, // legacy
        PICTURE = 0x3C "Picture" since 25,
        ALIAS = 0x3D "Alias" since 140,
        WEIGHTED_RANK = 0x3E "WeightedRank" since 140,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.3 "Code Page 2: Email".
    email = 2 "Email" {
        ATTACHMENT = 0x05 "Attachment" since 25, // legacy
        ATTACHMENTS = 0x06 "Attachments" since 25, // legacy
        ATT_NAME = 0x07 "AttName" since 25, // legacy
        ATT_SIZE = 0x08 "AttSize" since 25, // legacy
        ATT_OID = 0x09 "AttOid" since 25, // legacy
        ATT_METHOD = 0x0A "AttMethod" since 25, // legacy
        ATT_REMOVED = 0x0B "AttRemoved" since 25, // legacy
        BODY = 0x0C "Body" since 25, // legacy
        BODY_SIZE = 0x0D "BodySize" since 25, // legacy
        BODY_TRUNCATED = 0x0E "BodyTruncated" since 25, // legacy
        DATE_RECEIVED = 0x0F "DateReceived" since 25,
        DISPLAY_NAME = 0x10 "DisplayName" since 25, // legacy
        DISPLAY_TO = 0x11 "DisplayTo" since 25,
        IMPORTANCE = 0x12 "Importance" since 25,
        MESSAGE_CLASS = 0x13 "MessageClass" since 25,
        SUBJECT = 0x14 "Subject" since 25,
        READ = 0x15 "Read" since 25,
        TO = 0x16 "To" since 25,
        CC = 0x17 "Cc" since 25,
        FROM = 0x18 "From" since 25,
        REPLY_TO = 0x19 "ReplyTo" since 25,
        ALL_DAY_EVENT = 0x1A "AllDayEvent" since 25,
        CATEGORIES = 0x1B "Categories" since 140,
        CATEGORY = 0x1C "Category" since 140,
        DT_STAMP = 0x1D "DtStamp" since 25,
        END_TIME = 0x1E "EndTime" since 25,
        INSTANCE_TYPE = 0x1F "InstanceType" since 25,
        BUSY_STATUS = 0x20 "BusyStatus" since 25,
        LOCATION = 0x21 "Location" since 25,
        MEETING_REQUEST = 0x22 "MeetingRequest" since 25,
        ORGANIZER = 0x23 "Organizer" since 25,
        RECURRENCE_ID = 0x24 "RecurrenceId" since 25,
        REMINDER = 0x25 "Reminder" since 25,
        RESPONSE_REQUESTED = 0x26 "ResponseRequested" since 25,
        RECURRENCES = 0x27 "Recurrences" since 25,
        RECURRENCE = 0x28 "Recurrence" since 25,
        TYPE = 0x29 "Type" since 25,
        UNTIL = 0x2A "Until" since 25,
        OCCURRENCES = 0x2B "Occurrences" since 25,
        INTERVAL = 0x2C "Interval" since 25,
        DAY_OF_WEEK = 0x2D "DayOfWeek" since 25,
        DAY_OF_MONTH = 0x2E "DayOfMonth" since 25,
        WEEK_OF_MONTH = 0x2F "WeekOfMonth" since 25,
        MONTH_OF_YEAR = 0x30 "MonthOfYear" since 25,
        START_TIME = 0x31 "StartTime" since 25,
        SENSITIVITY = 0x32 "Sensitivity" since 25,
        TIME_ZONE = 0x33 "TimeZone" since 25,
        GLOBAL_OBJ_ID = 0x34 "GlobalObjId" since 25,
        THREAD_TOPIC = 0x35 "ThreadTopic" since 25,
        MIME_DATA = 0x36 "MIMEData" since 25, // legacy
        MIME_TRUNCATED = 0x37 "MIMETruncated" since 25, // legacy
        MIME_SIZE = 0x38 "MIMESize" since 25, // legacy
        INTERNET_CPID = 0x39 "InternetCPID" since 25,
        FLAG = 0x3A "Flag" since 120,
        STATUS = 0x3B "Status" since 120,
        CONTENT_CLASS = 0x3C "ContentClass" since 120,
        FLAG_TYPE = 0x3D "FlagType" since 120,
        COMPLETE_TIME = 0x3E "CompleteTime" since 120,
        DISALLOW_NEW_TIME_PROPOSAL = 0x3F "DisallowNewTimeProposal" since 140,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.4 "Code Page 3: AirNotify".
    airnotify = 3 "AirNotify" {
        NOTIFY = 0x05 "Notify" since 20, // legacy
        NOTIFICATION = 0x06 "Notification" since 20, // legacy
        VERSION = 0x07 "Version" since 20, // legacy
        LIFE_TIME = 0x08 "LifeTime" since 20, // legacy
        DEVICE_INFO = 0x09 "DeviceInfo" since 20, // legacy
        ENABLE = 0x0A "Enable" since 20, // legacy
        FOLDER = 0x0B "Folder" since 20, // legacy
        SERVER_ID = 0x0C "ServerId" since 20, // legacy
        DEVICE_ADDRESS = 0x0D "DeviceAddress" since 20, // legacy
        VALID_CARRIER_PROFILES = 0x0E "ValidCarrierProfiles" since 20, // legacy
        CARRIER_PROFILE = 0x0F "CarrierProfile" since 20, // legacy
        STATUS = 0x10 "Status" since 20, // legacy
        RESPONSES = 0x11 "Responses" since 20, // legacy
        DEVICES = 0x12 "Devices" since 20, // legacy
        DEVICE = 0x13 "Device" since 20, // legacy
        ID = 0x14 "Id" since 20, // legacy
        EXPIRY = 0x15 "Expiry" since 20, // legacy
        NOTIFY_GUID = 0x16 "NotifyGUID" since 20, // legacy
        DEVICE_FRIENDLY_NAME = 0x17 "DeviceFriendlyName" since 20, // legacy
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.5 "Code Page 4: Calendar".
    calendar = 4 "Calendar" {
        TIMEZONE = 0x05 "Timezone" since 25,
        ALL_DAY_EVENT = 0x06 "AllDayEvent" since 25,
        ATTENDEES = 0x07 "Attendees" since 25,
        ATTENDEE = 0x08 "Attendee" since 25,
        EMAIL = 0x09 "Email" since 25,
        NAME = 0x0A "Name" since 25,
        BODY = 0x0B "Body" since 25, // legacy
        BODY_TRUNCATED = 0x0C "BodyTruncated" since 25, // legacy
        BUSY_STATUS = 0x0D "BusyStatus" since 25,
        CATEGORIES = 0x0E "Categories" since 25,
        CATEGORY = 0x0F "Category" since 25,
        COMPRESSED_RTF = 0x10 "CompressedRTF" since 25, // legacy
        DT_STAMP = 0x11 "DtStamp" since 25,
        END_TIME = 0x12 "EndTime" since 25,
        EXCEPTION = 0x13 "Exception" since 25,
        EXCEPTIONS = 0x14 "Exceptions" since 25,
        DELETED = 0x15 "Deleted" since 25,
        EXCEPTION_START_TIME = 0x16 "ExceptionStartTime" since 25,
        LOCATION = 0x17 "Location" since 25,
        MEETING_STATUS = 0x18 "MeetingStatus" since 25,
        ORGANIZER_EMAIL = 0x19 "OrganizerEmail" since 25,
        ORGANIZER_NAME = 0x1A "OrganizerName" since 25,
        RECURRENCE = 0x1B "Recurrence" since 25,
        TYPE = 0x1C "Type" since 25,
        UNTIL = 0x1D "Until" since 25,
        OCCURRENCES = 0x1E "Occurrences" since 25,
        INTERVAL = 0x1F "Interval" since 25,
        DAY_OF_WEEK = 0x20 "DayOfWeek" since 25,
        DAY_OF_MONTH = 0x21 "DayOfMonth" since 25,
        WEEK_OF_MONTH = 0x22 "WeekOfMonth" since 25,
        MONTH_OF_YEAR = 0x23 "MonthOfYear" since 25,
        REMINDER = 0x24 "Reminder" since 25,
        SENSITIVITY = 0x25 "Sensitivity" since 25,
        SUBJECT = 0x26 "Subject" since 25,
        START_TIME = 0x27 "StartTime" since 25,
        UID = 0x28 "UID" since 25,
        ATTENDEE_STATUS = 0x29 "AttendeeStatus" since 120,
        ATTENDEE_TYPE = 0x2A "AttendeeType" since 120,
        ATTACHMENT = 0x2B "Attachment" since 0, // legacy
        ATTACHMENTS = 0x2C "Attachments" since 0, // legacy
        ATT_NAME = 0x2D "AttName" since 0, // legacy
        ATT_SIZE = 0x2E "AttSize" since 0, // legacy
        ATT_OID = 0x2F "AttOid" since 0, // legacy
        ATT_METHOD = 0x30 "AttMethod" since 0, // legacy
        ATT_REMOVED = 0x31 "AttRemoved" since 0, // legacy
        DISPLAY_NAME = 0x32 "DisplayName" since 0, // legacy
        DISALLOW_NEW_TIME_PROPOSAL = 0x33 "DisallowNewTimeProposal" since 140,
        RESPONSE_REQUESTED = 0x34 "ResponseRequested" since 140,
        APPOINTMENT_REPLY_TIME = 0x35 "AppointmentReplyTime" since 140,
        RESPONSE_TYPE = 0x36 "ResponseType" since 140,
        CALENDAR_TYPE = 0x37 "CalendarType" since 140,
        IS_LEAP_MONTH = 0x38 "IsLeapMonth" since 140,
        FIRST_DAY_OF_WEEK = 0x39 "FirstDayOfWeek" since 141,
        ONLINE_MEETING_CONF_LINK = 0x3A "OnlineMeetingConfLink" since 141,
        ONLINE_MEETING_EXTERNAL_LINK = 0x3B "OnlineMeetingExternalLink" since 141,
        CLIENT_UID = 0x3C "ClientUid" since 160,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.6 "Code Page 5: Move".
    moves = 5 "Move" {
        MOVE_ITEMS = 0x05 "MoveItems" since 25,
        MOVE = 0x06 "Move" since 25,
        SRC_MSG_ID = 0x07 "SrcMsgId" since 25,
        SRC_FLD_ID = 0x08 "SrcFldId" since 25,
        DST_FLD_ID = 0x09 "DstFldId" since 25,
        RESPONSE = 0x0A "Response" since 25,
        STATUS = 0x0B "Status" since 25,
        DST_MSG_ID = 0x0C "DstMsgId" since 25,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.7 "Code Page 6: GetItemEstimate".
    get_item_estimate = 6 "GetItemEstimate" {
        GET_ITEM_ESTIMATE = 0x05 "GetItemEstimate" since 25,
        VERSION = 0x06 "Version" since 20, // legacy
        COLLECTIONS = 0x07 "Collections" since 25,
        COLLECTION = 0x08 "Collection" since 25,
        CLASS = 0x09 "Class" since 25,
        COLLECTION_ID = 0x0A "CollectionId" since 25,
        DATE_TIME = 0x0B "DateTime" since 20, // legacy
        ESTIMATE = 0x0C "Estimate" since 25,
        RESPONSE = 0x0D "Response" since 25,
        STATUS = 0x0E "Status" since 25,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.8 "Code Page 7: FolderHierarchy".
    folder_hierarchy = 7 "FolderHierarchy" {
        FOLDERS = 0x05 "Folders" since 25,
        FOLDER = 0x06 "Folder" since 25,
        DISPLAY_NAME = 0x07 "DisplayName" since 25,
        SERVER_ID = 0x08 "ServerId" since 25,
        PARENT_ID = 0x09 "ParentId" since 25,
        TYPE = 0x0A "Type" since 25,
        RESPONSE = 0x0B "Response" since 20, // legacy
        STATUS = 0x0C "Status" since 25,
        CONTENT_CLASS = 0x0D "ContentClass" since 20, // legacy
        CHANGES = 0x0E "Changes" since 25,
        ADD = 0x0F "Add" since 25,
        DELETE = 0x10 "Delete" since 25,
        UPDATE = 0x11 "Update" since 25,
        SYNC_KEY = 0x12 "SyncKey" since 25,
        FOLDER_CREATE = 0x13 "FolderCreate" since 25,
        FOLDER_DELETE = 0x14 "FolderDelete" since 25,
        FOLDER_UPDATE = 0x15 "FolderUpdate" since 25,
        FOLDER_SYNC = 0x16 "FolderSync" since 25,
        COUNT = 0x17 "Count" since 25,
        VERSION = 0x18 "Version" since 20, // legacy
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.9 "Code Page 8: MeetingResponse".
    meeting_response = 8 "MeetingResponse" {
        CALENDAR_ID = 0x05 "CalendarId" since 25,
        COLLECTION_ID = 0x06 "CollectionId" since 25,
        MEETING_RESPONSE = 0x07 "MeetingResponse" since 25,
        REQUEST_ID = 0x08 "RequestId" since 25,
        REQUEST = 0x09 "Request" since 25,
        RESULT = 0x0A "Result" since 25,
        STATUS = 0x0B "Status" since 25,
        USER_RESPONSE = 0x0C "UserResponse" since 25,
        VERSION = 0x0D "Version" since 20, // legacy
        INSTANCE_ID = 0x0E "InstanceId" since 141,
        PROPOSED_START_TIME = 0x10 "ProposedStartTime" since 161,
        PROPOSED_END_TIME = 0x11 "ProposedEndTime" since 161,
        SEND_RESPONSE = 0x12 "SendResponse" since 160,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.10 "Code Page 9: Tasks".
    tasks = 9 "Tasks" {
        BODY = 0x05 "Body" since 25, // legacy
        BODY_SIZE = 0x06 "BodySize" since 25, // legacy
        BODY_TRUNCATED = 0x07 "BodyTruncated" since 25, // legacy
        CATEGORIES = 0x08 "Categories" since 25,
        CATEGORY = 0x09 "Category" since 25,
        COMPLETE = 0x0A "Complete" since 25,
        DATE_COMPLETED = 0x0B "DateCompleted" since 25,
        DUE_DATE = 0x0C "DueDate" since 25,
        UTC_DUE_DATE = 0x0D "UtcDueDate" since 25,
        IMPORTANCE = 0x0E "Importance" since 25,
        RECURRENCE = 0x0F "Recurrence" since 25,
        TYPE = 0x10 "Type" since 25,
        START = 0x11 "Start" since 25,
        UNTIL = 0x12 "Until" since 25,
        OCCURRENCES = 0x13 "Occurrences" since 25,
        INTERVAL = 0x14 "Interval" since 25,
        DAY_OF_MONTH = 0x15 "DayOfMonth" since 25,
        DAY_OF_WEEK = 0x16 "DayOfWeek" since 25,
        WEEK_OF_MONTH = 0x17 "WeekOfMonth" since 25,
        MONTH_OF_YEAR = 0x18 "MonthOfYear" since 25,
        REGENERATE = 0x19 "Regenerate" since 25,
        DEAD_OCCUR = 0x1A "DeadOccur" since 25,
        REMINDER_SET = 0x1B "ReminderSet" since 25,
        REMINDER_TIME = 0x1C "ReminderTime" since 25,
        SENSITIVITY = 0x1D "Sensitivity" since 25,
        START_DATE = 0x1E "StartDate" since 25,
        UTC_START_DATE = 0x1F "UtcStartDate" since 25,
        SUBJECT = 0x20 "Subject" since 25,
        COMPRESSED_RTF = 0x21 "CompressedRTF" since 25, // legacy
        ORDINAL_DATE = 0x22 "OrdinalDate" since 120,
        SUB_ORDINAL_DATE = 0x23 "SubOrdinalDate" since 120,
        CALENDAR_TYPE = 0x24 "CalendarType" since 140,
        IS_LEAP_MONTH = 0x25 "IsLeapMonth" since 140,
        FIRST_DAY_OF_WEEK = 0x26 "FirstDayOfWeek" since 141,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.11 "Code Page 10: ResolveRecipients".
    resolve_recipients = 10 "ResolveRecipients" {
        RESOLVE_RECIPIENTS = 0x05 "ResolveRecipients" since 25,
        RESPONSE = 0x06 "Response" since 25,
        STATUS = 0x07 "Status" since 25,
        TYPE = 0x08 "Type" since 25,
        RECIPIENT = 0x09 "Recipient" since 25,
        DISPLAY_NAME = 0x0A "DisplayName" since 25,
        EMAIL_ADDRESS = 0x0B "EmailAddress" since 25,
        CERTIFICATES = 0x0C "Certificates" since 25,
        CERTIFICATE = 0x0D "Certificate" since 25,
        MINI_CERTIFICATE = 0x0E "MiniCertificate" since 25,
        OPTIONS = 0x0F "Options" since 25,
        TO = 0x10 "To" since 25,
        CERTIFICATE_RETRIEVAL = 0x11 "CertificateRetrieval" since 25,
        RECIPIENT_COUNT = 0x12 "RecipientCount" since 25,
        MAX_CERTIFICATES = 0x13 "MaxCertificates" since 25,
        MAX_AMBIGUOUS_RECIPIENTS = 0x14 "MaxAmbiguousRecipients" since 25,
        CERTIFICATE_COUNT = 0x15 "CertificateCount" since 25,
        AVAILABILITY = 0x16 "Availability" since 140,
        START_TIME = 0x17 "StartTime" since 140,
        END_TIME = 0x18 "EndTime" since 140,
        MERGED_FREE_BUSY = 0x19 "MergedFreeBusy" since 140,
        PICTURE = 0x1A "Picture" since 141,
        MAX_SIZE = 0x1B "MaxSize" since 141,
        DATA = 0x1C "Data" since 141,
        MAX_PICTURES = 0x1D "MaxPictures" since 141,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.12 "Code Page 11: ValidateCert".
    validate_cert = 11 "ValidateCert" {
        VALIDATE_CERT = 0x05 "ValidateCert" since 25,
        CERTIFICATES = 0x06 "Certificates" since 25,
        CERTIFICATE = 0x07 "Certificate" since 25,
        CERTIFICATE_CHAIN = 0x08 "CertificateChain" since 25,
        CHECK_CRL = 0x09 "CheckCRL" since 25,
        STATUS = 0x0A "Status" since 25,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.13 "Code Page 12: Contacts2".
    contacts2 = 12 "Contacts2" {
        CUSTOMER_ID = 0x05 "CustomerId" since 25,
        GOVERNMENT_ID = 0x06 "GovernmentId" since 25,
        IM_ADDRESS = 0x07 "IMAddress" since 25,
        IM_ADDRESS2 = 0x08 "IMAddress2" since 25,
        IM_ADDRESS3 = 0x09 "IMAddress3" since 25,
        MANAGER_NAME = 0x0A "ManagerName" since 25,
        COMPANY_MAIN_PHONE = 0x0B "CompanyMainPhone" since 25,
        ACCOUNT_NAME = 0x0C "AccountName" since 25,
        NICK_NAME = 0x0D "NickName" since 25,
        MMS = 0x0E "MMS" since 25,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.14 "Code Page 13: Ping".
    ping = 13 "Ping" {
        PING = 0x05 "Ping" since 25,
        AUTD_STATE = 0x06 "AutdState" since 0, // legacy
        STATUS = 0x07 "Status" since 25,
        HEARTBEAT_INTERVAL = 0x08 "HeartbeatInterval" since 25,
        FOLDERS = 0x09 "Folders" since 25,
        FOLDER = 0x0A "Folder" since 25,
        ID = 0x0B "Id" since 25,
        CLASS = 0x0C "Class" since 25,
        MAX_FOLDERS = 0x0D "MaxFolders" since 25,
        VERSION = 0x0E "Version" since 0, // legacy
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.15 "Code Page 14: Provision".
    provision = 14 "Provision" {
        PROVISION = 0x05 "Provision" since 25,
        POLICIES = 0x06 "Policies" since 25,
        POLICY = 0x07 "Policy" since 25,
        POLICY_TYPE = 0x08 "PolicyType" since 25,
        POLICY_KEY = 0x09 "PolicyKey" since 25,
        DATA = 0x0A "Data" since 25,
        STATUS = 0x0B "Status" since 25,
        REMOTE_WIPE = 0x0C "RemoteWipe" since 25,
        EAS_PROVISION_DOC = 0x0D "EASProvisionDoc" since 120,
        DEVICE_PASSWORD_ENABLED = 0x0E "DevicePasswordEnabled" since 120,
        ALPHANUMERIC_DEVICE_PASSWORD_REQUIRED = 0x0F "AlphanumericDevicePasswordRequired" since 120,
        REQUIRE_STORAGE_CARD_ENCRYPTION = 0x10 "RequireStorageCardEncryption" since 121,
        PASSWORD_RECOVERY_ENABLED = 0x11 "PasswordRecoveryEnabled" since 120,
        DOCUMENT_BROWSE_ENABLED = 0x12 "DocumentBrowseEnabled" since 120, // legacy
        ATTACHMENTS_ENABLED = 0x13 "AttachmentsEnabled" since 120,
        MIN_DEVICE_PASSWORD_LENGTH = 0x14 "MinDevicePasswordLength" since 120,
        MAX_INACTIVITY_TIME_DEVICE_LOCK = 0x15 "MaxInactivityTimeDeviceLock" since 120,
        MAX_DEVICE_PASSWORD_FAILED_ATTEMPTS = 0x16 "MaxDevicePasswordFailedAttempts" since 120,
        MAX_ATTACHMENT_SIZE = 0x17 "MaxAttachmentSize" since 120,
        ALLOW_SIMPLE_DEVICE_PASSWORD = 0x18 "AllowSimpleDevicePassword" since 120,
        DEVICE_PASSWORD_EXPIRATION = 0x19 "DevicePasswordExpiration" since 120,
        DEVICE_PASSWORD_HISTORY = 0x1A "DevicePasswordHistory" since 120,
        ALLOW_STORAGE_CARD = 0x1B "AllowStorageCard" since 121,
        ALLOW_CAMERA = 0x1C "AllowCamera" since 121,
        REQUIRE_DEVICE_ENCRYPTION = 0x1D "RequireDeviceEncryption" since 121,
        ALLOW_UNSIGNED_APPLICATIONS = 0x1E "AllowUnsignedApplications" since 121,
        ALLOW_UNSIGNED_INSTALLATION_PACKAGES = 0x1F "AllowUnsignedInstallationPackages" since 121,
        MIN_DEVICE_PASSWORD_COMPLEX_CHARACTERS = 0x20 "MinDevicePasswordComplexCharacters" since 121,
        ALLOW_WI_FI = 0x21 "AllowWiFi" since 121,
        ALLOW_TEXT_MESSAGING = 0x22 "AllowTextMessaging" since 121,
        ALLOW_POPIMAP_EMAIL = 0x23 "AllowPOPIMAPEmail" since 121,
        ALLOW_BLUETOOTH = 0x24 "AllowBluetooth" since 121,
        ALLOW_IR_DA = 0x25 "AllowIrDA" since 121,
        REQUIRE_MANUAL_SYNC_WHEN_ROAMING = 0x26 "RequireManualSyncWhenRoaming" since 121,
        ALLOW_DESKTOP_SYNC = 0x27 "AllowDesktopSync" since 121,
        MAX_CALENDAR_AGE_FILTER = 0x28 "MaxCalendarAgeFilter" since 121,
        ALLOW_HTML_EMAIL = 0x29 "AllowHTMLEmail" since 121,
        MAX_EMAIL_AGE_FILTER = 0x2A "MaxEmailAgeFilter" since 121,
        MAX_EMAIL_BODY_TRUNCATION_SIZE = 0x2B "MaxEmailBodyTruncationSize" since 121,
        MAX_EMAIL_HTML_BODY_TRUNCATION_SIZE = 0x2C "MaxEmailHTMLBodyTruncationSize" since 121,
        REQUIRE_SIGNED_SMIME_MESSAGES = 0x2D "RequireSignedSMIMEMessages" since 121,
        REQUIRE_ENCRYPTED_SMIME_MESSAGES = 0x2E "RequireEncryptedSMIMEMessages" since 121,
        REQUIRE_SIGNED_SMIME_ALGORITHM = 0x2F "RequireSignedSMIMEAlgorithm" since 121,
        REQUIRE_ENCRYPTION_SMIME_ALGORITHM = 0x30 "RequireEncryptionSMIMEAlgorithm" since 121,
        ALLOW_SMIME_ENCRYPTION_ALGORITHM_NEGOTIATION = 0x31 "AllowSMIMEEncryptionAlgorithmNegotiation" since 121,
        ALLOW_SMIME_SOFT_CERTS = 0x32 "AllowSMIMESoftCerts" since 121,
        ALLOW_BROWSER = 0x33 "AllowBrowser" since 121,
        ALLOW_CONSUMER_EMAIL = 0x34 "AllowConsumerEmail" since 121,
        ALLOW_REMOTE_DESKTOP = 0x35 "AllowRemoteDesktop" since 121,
        ALLOW_INTERNET_SHARING = 0x36 "AllowInternetSharing" since 121,
        UNAPPROVED_IN_ROM_APPLICATION_LIST = 0x37 "UnapprovedInROMApplicationList" since 121,
        APPLICATION_NAME = 0x38 "ApplicationName" since 121,
        APPROVED_APPLICATION_LIST = 0x39 "ApprovedApplicationList" since 121,
        HASH = 0x3A "Hash" since 121,
        ACCOUNT_ONLY_REMOTE_WIPE = 0x3B "AccountOnlyRemoteWipe" since 161,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.16 "Code Page 15: Search".
    search = 15 "Search" {
        SEARCH = 0x05 "Search" since 25,
        STORE = 0x07 "Store" since 25,
        NAME = 0x08 "Name" since 25,
        QUERY = 0x09 "Query" since 25,
        OPTIONS = 0x0A "Options" since 25,
        RANGE = 0x0B "Range" since 25,
        STATUS = 0x0C "Status" since 25,
        RESPONSE = 0x0D "Response" since 25,
        RESULT = 0x0E "Result" since 25,
        PROPERTIES = 0x0F "Properties" since 25,
        TOTAL = 0x10 "Total" since 25,
        EQUAL_TO = 0x11 "EqualTo" since 120,
        VALUE = 0x12 "Value" since 120,
        AND = 0x13 "And" since 120,
        OR = 0x14 "Or" since 120,
        FREE_TEXT = 0x15 "FreeText" since 120,
        DEEP_TRAVERSAL = 0x17 "DeepTraversal" since 120,
        LONG_ID = 0x18 "LongId" since 120,
        REBUILD_RESULTS = 0x19 "RebuildResults" since 120,
        LESS_THAN = 0x1A "LessThan" since 120,
        GREATER_THAN = 0x1B "GreaterThan" since 120,
        SCHEMA = 0x1C "Schema" since 120, // legacy
        SUPPORTED = 0x1D "Supported" since 120, // legacy
        USER_NAME = 0x1E "UserName" since 121,
        PASSWORD = 0x1F "Password" since 121,
        CONVERSATION_ID = 0x20 "ConversationId" since 140,
        PICTURE = 0x21 "Picture" since 141,
        MAX_SIZE = 0x22 "MaxSize" since 141,
        MAX_PICTURES = 0x23 "MaxPictures" since 141,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.17 "Code Page 16: GAL".
    gal = 16 "GAL" {
        DISPLAY_NAME = 0x05 "DisplayName" since 25,
        PHONE = 0x06 "Phone" since 25,
        OFFICE = 0x07 "Office" since 25,
        TITLE = 0x08 "Title" since 25,
        COMPANY = 0x09 "Company" since 25,
        ALIAS = 0x0A "Alias" since 25,
        FIRST_NAME = 0x0B "FirstName" since 25,
        LAST_NAME = 0x0C "LastName" since 25,
        HOME_PHONE = 0x0D "HomePhone" since 25,
        MOBILE_PHONE = 0x0E "MobilePhone" since 25,
        EMAIL_ADDRESS = 0x0F "EmailAddress" since 25,
        PICTURE = 0x10 "Picture" since 141,
        STATUS = 0x11 "Status" since 141,
        DATA = 0x12 "Data" since 141,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.18 "Code Page 17: AirSyncBase".
    airsyncbase = 17 "AirSyncBase" {
        BODY_PREFERENCE = 0x05 "BodyPreference" since 120,
        TYPE = 0x06 "Type" since 120,
        TRUNCATION_SIZE = 0x07 "TruncationSize" since 120,
        ALL_OR_NONE = 0x08 "AllOrNone" since 120,
        BODY = 0x0A "Body" since 120,
        DATA = 0x0B "Data" since 120,
        ESTIMATED_DATA_SIZE = 0x0C "EstimatedDataSize" since 120,
        TRUNCATED = 0x0D "Truncated" since 120,
        ATTACHMENTS = 0x0E "Attachments" since 120,
        ATTACHMENT = 0x0F "Attachment" since 120,
        DISPLAY_NAME = 0x10 "DisplayName" since 120,
        FILE_REFERENCE = 0x11 "FileReference" since 120,
        METHOD = 0x12 "Method" since 120,
        CONTENT_ID = 0x13 "ContentId" since 120,
        CONTENT_LOCATION = 0x14 "ContentLocation" since 120,
        IS_INLINE = 0x15 "IsInline" since 120,
        NATIVE_BODY_TYPE = 0x16 "NativeBodyType" since 120,
        CONTENT_TYPE = 0x17 "ContentType" since 120,
        PREVIEW = 0x18 "Preview" since 140,
        BODY_PART_PREFERENCE = 0x19 "BodyPartPreference" since 141,
        BODY_PART = 0x1A "BodyPart" since 141,
        STATUS = 0x1B "Status" since 141,
        ADD = 0x1C "Add" since 160,
        DELETE = 0x1D "Delete" since 160,
        CLIENT_ID = 0x1E "ClientId" since 160,
        CONTENT = 0x1F "Content" since 160,
        LOCATION = 0x20 "Location" since 160,
        ANNOTATION = 0x21 "Annotation" since 160,
        STREET = 0x22 "Street" since 160,
        CITY = 0x23 "City" since 160,
        STATE = 0x24 "State" since 160,
        COUNTRY = 0x25 "Country" since 160,
        POSTAL_CODE = 0x26 "PostalCode" since 160,
        LATITUDE = 0x27 "Latitude" since 160,
        LONGITUDE = 0x28 "Longitude" since 160,
        ACCURACY = 0x29 "Accuracy" since 160,
        ALTITUDE = 0x2A "Altitude" since 160,
        ALTITUDE_ACCURACY = 0x2B "AltitudeAccuracy" since 160,
        LOCATION_URI = 0x2C "LocationUri" since 160,
        INSTANCE_ID = 0x2D "InstanceId" since 160,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.19 "Code Page 18: Settings".
    settings = 18 "Settings" {
        SETTINGS = 0x05 "Settings" since 120,
        STATUS = 0x06 "Status" since 120,
        GET = 0x07 "Get" since 120,
        SET = 0x08 "Set" since 120,
        OOF = 0x09 "Oof" since 120,
        OOF_STATE = 0x0A "OofState" since 120,
        START_TIME = 0x0B "StartTime" since 120,
        END_TIME = 0x0C "EndTime" since 120,
        OOF_MESSAGE = 0x0D "OofMessage" since 120,
        APPLIES_TO_INTERNAL = 0x0E "AppliesToInternal" since 120,
        APPLIES_TO_EXTERNAL_KNOWN = 0x0F "AppliesToExternalKnown" since 120,
        APPLIES_TO_EXTERNAL_UNKNOWN = 0x10 "AppliesToExternalUnknown" since 120,
        ENABLED = 0x11 "Enabled" since 120,
        REPLY_MESSAGE = 0x12 "ReplyMessage" since 120,
        BODY_TYPE = 0x13 "BodyType" since 120,
        DEVICE_PASSWORD = 0x14 "DevicePassword" since 120,
        PASSWORD = 0x15 "Password" since 120,
        DEVICE_INFORMATION = 0x16 "DeviceInformation" since 120,
        MODEL = 0x17 "Model" since 120,
        IMEI = 0x18 "IMEI" since 120,
        FRIENDLY_NAME = 0x19 "FriendlyName" since 120,
        OS = 0x1A "OS" since 120,
        OS_LANGUAGE = 0x1B "OSLanguage" since 120,
        PHONE_NUMBER = 0x1C "PhoneNumber" since 120,
        USER_INFORMATION = 0x1D "UserInformation" since 120,
        EMAIL_ADDRESSES = 0x1E "EmailAddresses" since 120,
        SMTP_ADDRESS = 0x1F "SMTPAddress" since 120,
        USER_AGENT = 0x20 "UserAgent" since 121,
        ENABLE_OUTBOUND_SMS = 0x21 "EnableOutboundSMS" since 140,
        MOBILE_OPERATOR = 0x22 "MobileOperator" since 140,
        PRIMARY_SMTP_ADDRESS = 0x23 "PrimarySmtpAddress" since 141,
        ACCOUNTS = 0x24 "Accounts" since 141,
        ACCOUNT = 0x25 "Account" since 141,
        ACCOUNT_ID = 0x26 "AccountId" since 141,
        ACCOUNT_NAME = 0x27 "AccountName" since 141,
        USER_DISPLAY_NAME = 0x28 "UserDisplayName" since 141,
        SEND_DISABLED = 0x29 "SendDisabled" since 141,
        RIGHTS_MANAGEMENT_INFORMATION = 0x2B "RightsManagementInformation" since 141,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.20 "Code Page 19: DocumentLibrary".
    document_library = 19 "DocumentLibrary" {
        LINK_ID = 0x05 "LinkId" since 120,
        DISPLAY_NAME = 0x06 "DisplayName" since 120,
        IS_FOLDER = 0x07 "IsFolder" since 120,
        CREATION_DATE = 0x08 "CreationDate" since 120,
        LAST_MODIFIED_DATE = 0x09 "LastModifiedDate" since 120,
        IS_HIDDEN = 0x0A "IsHidden" since 120,
        CONTENT_LENGTH = 0x0B "ContentLength" since 120,
        CONTENT_TYPE = 0x0C "ContentType" since 120,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.21 "Code Page 20: ItemOperations".
    item_operations = 20 "ItemOperations" {
        ITEM_OPERATIONS = 0x05 "ItemOperations" since 120,
        FETCH = 0x06 "Fetch" since 120,
        STORE = 0x07 "Store" since 120,
        OPTIONS = 0x08 "Options" since 120,
        RANGE = 0x09 "Range" since 120,
        TOTAL = 0x0A "Total" since 120,
        PROPERTIES = 0x0B "Properties" since 120,
        DATA = 0x0C "Data" since 120,
        STATUS = 0x0D "Status" since 120,
        RESPONSE = 0x0E "Response" since 120,
        VERSION = 0x0F "Version" since 120,
        SCHEMA = 0x10 "Schema" since 120,
        PART = 0x11 "Part" since 120,
        EMPTY_FOLDER_CONTENTS = 0x12 "EmptyFolderContents" since 120,
        DELETE_SUB_FOLDERS = 0x13 "DeleteSubFolders" since 120,
        USER_NAME = 0x14 "UserName" since 121,
        PASSWORD = 0x15 "Password" since 121,
        MOVE = 0x16 "Move" since 140,
        DST_FLD_ID = 0x17 "DstFldId" since 140,
        CONVERSATION_ID = 0x18 "ConversationId" since 140,
        MOVE_ALWAYS = 0x19 "MoveAlways" since 140,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.22 "Code Page 21: ComposeMail".
    compose_mail = 21 "ComposeMail" {
        SEND_MAIL = 0x05 "SendMail" since 140,
        SMART_FORWARD = 0x06 "SmartForward" since 140,
        SMART_REPLY = 0x07 "SmartReply" since 140,
        SAVE_IN_SENT_ITEMS = 0x08 "SaveInSentItems" since 140,
        REPLACE_MIME = 0x09 "ReplaceMime" since 140,
        TYPE = 0x0A "Type" since 0, // legacy
        SOURCE = 0x0B "Source" since 140,
        FOLDER_ID = 0x0C "FolderId" since 140,
        ITEM_ID = 0x0D "ItemId" since 140,
        LONG_ID = 0x0E "LongId" since 140,
        INSTANCE_ID = 0x0F "InstanceId" since 140,
        MIME = 0x10 "Mime" since 140,
        CLIENT_ID = 0x11 "ClientId" since 140,
        STATUS = 0x12 "Status" since 140,
        ACCOUNT_ID = 0x13 "AccountId" since 141,
        FORWARDEES = 0x15 "Forwardees" since 160,
        FORWARDEE = 0x16 "Forwardee" since 160,
        FORWARDEE_NAME = 0x17 "ForwardeeName" since 160,
        FORWARDEE_EMAIL = 0x18 "ForwardeeEmail" since 160,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.23 "Code Page 22: Email2".
    email2 = 22 "Email2" {
        UM_CALLER_ID = 0x05 "UmCallerID" since 140,
        UM_USER_NOTES = 0x06 "UmUserNotes" since 140,
        UM_ATT_DURATION = 0x07 "UmAttDuration" since 140,
        UM_ATT_ORDER = 0x08 "UmAttOrder" since 140,
        CONVERSATION_ID = 0x09 "ConversationId" since 140,
        CONVERSATION_INDEX = 0x0A "ConversationIndex" since 140,
        LAST_VERB_EXECUTED = 0x0B "LastVerbExecuted" since 140,
        LAST_VERB_EXECUTION_TIME = 0x0C "LastVerbExecutionTime" since 140,
        RECEIVED_AS_BCC = 0x0D "ReceivedAsBcc" since 140,
        SENDER = 0x0E "Sender" since 140,
        CALENDAR_TYPE = 0x0F "CalendarType" since 140,
        IS_LEAP_MONTH = 0x10 "IsLeapMonth" since 140,
        ACCOUNT_ID = 0x11 "AccountId" since 141,
        FIRST_DAY_OF_WEEK = 0x12 "FirstDayOfWeek" since 141,
        MEETING_MESSAGE_TYPE = 0x13 "MeetingMessageType" since 141,
        IS_DRAFT = 0x15 "IsDraft" since 160,
        BCC = 0x16 "Bcc" since 160,
        SEND = 0x17 "Send" since 160,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.24 "Code Page 23: Notes".
    notes = 23 "Notes" {
        SUBJECT = 0x05 "Subject" since 140,
        MESSAGE_CLASS = 0x06 "MessageClass" since 140,
        LAST_MODIFIED_DATE = 0x07 "LastModifiedDate" since 140,
        CATEGORIES = 0x08 "Categories" since 140,
        CATEGORY = 0x09 "Category" since 140,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.25 "Code Page 24: RightsManagement".
    rights_management = 24 "RightsManagement" {
        RIGHTS_MANAGEMENT_SUPPORT = 0x05 "RightsManagementSupport" since 141,
        RIGHTS_MANAGEMENT_TEMPLATES = 0x06 "RightsManagementTemplates" since 141,
        RIGHTS_MANAGEMENT_TEMPLATE = 0x07 "RightsManagementTemplate" since 141,
        RIGHTS_MANAGEMENT_LICENSE = 0x08 "RightsManagementLicense" since 141,
        EDIT_ALLOWED = 0x09 "EditAllowed" since 141,
        REPLY_ALLOWED = 0x0A "ReplyAllowed" since 141,
        REPLY_ALL_ALLOWED = 0x0B "ReplyAllAllowed" since 141,
        FORWARD_ALLOWED = 0x0C "ForwardAllowed" since 141,
        MODIFY_RECIPIENTS_ALLOWED = 0x0D "ModifyRecipientsAllowed" since 141,
        EXTRACT_ALLOWED = 0x0E "ExtractAllowed" since 141,
        PRINT_ALLOWED = 0x0F "PrintAllowed" since 141,
        EXPORT_ALLOWED = 0x10 "ExportAllowed" since 141,
        PROGRAMMATIC_ACCESS_ALLOWED = 0x11 "ProgrammaticAccessAllowed" since 141,
        OWNER = 0x12 "Owner" since 141,
        CONTENT_EXPIRY_DATE = 0x13 "ContentExpiryDate" since 141,
        TEMPLATE_ID = 0x14 "TemplateID" since 141,
        TEMPLATE_NAME = 0x15 "TemplateName" since 141,
        TEMPLATE_DESCRIPTION = 0x16 "TemplateDescription" since 141,
        CONTENT_OWNER = 0x17 "ContentOwner" since 141,
        REMOVE_RIGHTS_MANAGEMENT_PROTECTION = 0x18 "RemoveRightsManagementProtection" since 141,
    }
}

code_page! {
    /// MS-ASWBXML 2.1.2.1.26 "Code Page 25: Find".
    find = 25 "Find" {
        FIND = 0x05 "Find" since 161,
        SEARCH_ID = 0x06 "SearchId" since 161,
        EXECUTE_SEARCH = 0x07 "ExecuteSearch" since 161,
        MAIL_BOX_SEARCH_CRITERION = 0x08 "MailBoxSearchCriterion" since 161,
        QUERY = 0x09 "Query" since 161,
        STATUS = 0x0A "Status" since 161,
        FREE_TEXT = 0x0B "FreeText" since 161,
        OPTIONS = 0x0C "Options" since 161,
        RANGE = 0x0D "Range" since 161,
        DEEP_TRAVERSAL = 0x0E "DeepTraversal" since 161,
        RESPONSE = 0x11 "Response" since 161,
        RESULT = 0x12 "Result" since 161,
        PROPERTIES = 0x13 "Properties" since 161,
        PREVIEW = 0x14 "Preview" since 161,
        HAS_ATTACHMENTS = 0x15 "HasAttachments" since 161,
        TOTAL = 0x16 "Total" since 161,
        DISPLAY_CC = 0x17 "DisplayCc" since 161,
        DISPLAY_BCC = 0x18 "DisplayBcc" since 161,
        GAL_SEARCH_CRITERION = 0x19 "GALSearchCriterion" since 161,
        MAX_PICTURES = 0x20 "MaxPictures" since 161,
        MAX_SIZE = 0x21 "MaxSize" since 161,
        PICTURE = 0x22 "Picture" since 161,
    }
}

/// Every code page, by number.
pub(crate) const PAGES: [&crate::tag::CodePage; 26] = [
    &airsync::PAGE,
    &contacts::PAGE,
    &email::PAGE,
    &airnotify::PAGE,
    &calendar::PAGE,
    &moves::PAGE,
    &get_item_estimate::PAGE,
    &folder_hierarchy::PAGE,
    &meeting_response::PAGE,
    &tasks::PAGE,
    &resolve_recipients::PAGE,
    &validate_cert::PAGE,
    &contacts2::PAGE,
    &ping::PAGE,
    &provision::PAGE,
    &search::PAGE,
    &gal::PAGE,
    &airsyncbase::PAGE,
    &settings::PAGE,
    &document_library::PAGE,
    &item_operations::PAGE,
    &compose_mail::PAGE,
    &email2::PAGE,
    &notes::PAGE,
    &rights_management::PAGE,
    &find::PAGE,
];
