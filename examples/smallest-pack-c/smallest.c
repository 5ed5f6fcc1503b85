// The smallest pack there is: it knows a phone by its User-Agent and gives it short answers.

#include "bindings/data_plugin.h"

#define LIST(items) { items, sizeof(items) / sizeof(*items) }
#define TEXT(text) { (uint8_t *) text, sizeof(text) - 1 }

static exports_easel_plugin_describe_matcher_t matchers[] = { { .user_agent = TEXT("^SmallPhone/") } };

static easel_plugin_types_setting_t settings[] = {
  { .name = TEXT("sync.window_max"), .value = { .tag = EASEL_PLUGIN_TYPES_SETTING_VALUE_NUMBER, .val.number = 25 } },
};

static data_plugin_string_t quirks[] = { TEXT("Q1") };

// Called once, when the pack is loaded. What is not set here is empty: no header, no subscription, priority 0.
void exports_easel_plugin_describe_get_manifest(exports_easel_plugin_describe_manifest_t *manifest) {
  *manifest = (exports_easel_plugin_describe_manifest_t) {
    .id = TEXT("smallest-pack-c"),
    .version = TEXT("1.0.0"),
    .summary = TEXT("A phone that likes short answers."),
    .author = TEXT("The Easel authors"),
    .licence = TEXT("MIT OR Apache-2.0"),
    .matchers = LIST(matchers),
    .settings = LIST(settings),
    .quirks = LIST(quirks),
    .upgrade = EASEL_PLUGIN_TYPES_EFFECT_NONE,
  };
}
