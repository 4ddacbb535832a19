#pragma once
// Reading JSON objects with errors that name the key: shared by the preprocessing and the model card.

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limn/error.h"
#include "limn/preprocess.h"

namespace limn {

/// Keeps the order in which keys were put in.
using Json = nlohmann::ordered_json;

/// The object in a text. Throws Error{bad_input} for broken JSON and for anything but an object.
Json parse_json_object(std::string_view text, std::string_view where);

/// One line of JSON; bytes that are no UTF-8 are replaced, not refused.
std::string dump(const Json&);

/// Throws Error{bad_input} that suggests close names for a key of `object` that is not among `known`.
void check_keys(const Json& object, std::span<const std::string_view> known, std::string_view where);

/// The Error for a key whose value is not what it must be; `expected` ends the sentence "'key' must be ...".
Error wrong_value(std::string_view key, std::string_view expected, std::string_view where);

// The values of a preprocessing, by key. Each throws wrong_value().
SizeRule read_size_rule(const Json&, std::string_view key, std::string_view where);
Json size_rule_json(const SizeRule&);
/// Floats with the fewest digits that give the same float back: 0.485, not 0.48500001430511475.
Json number_list_json(std::span<const float>);
int read_range(const Json&, std::string_view where);
std::vector<float> read_numbers(const Json&, std::string_view key, std::string_view where);
ChannelOrder read_order(const Json&, std::string_view where);
int read_count(const Json&, std::string_view key, std::string_view where);

}  // namespace limn
