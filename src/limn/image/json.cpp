#include "limn/image/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "limn/names.h"

namespace limn {

Json parse_json_object(std::string_view text, std::string_view where) {
  Json object;
  const auto refuse = [&](std::string_view problem) {
    throw Error(ErrorCode::bad_input, fmt::format("the text is not valid JSON{}", problem), std::string(where),
                "look for a missing quote, comma or bracket");
  };
  try {
    object = Json::parse(text);
  } catch (const Json::parse_error& e) {
    refuse(fmt::format(", from byte {} on", e.byte));
  } catch (const Json::exception&) {  // a number beyond every type
    refuse("");
  }
  if (!object.is_object())
    throw Error(ErrorCode::bad_input, "the JSON must be an object: {\"key\": value, ...}", std::string(where));
  return object;
}

std::string dump(const Json& json) {
  std::string text;
  if (json.is_array() && !json.empty() && !json.front().is_structured()) {
    for (const Json& element : json) text += (text.empty() ? "[" : ", ") + dump(element);
    return text + "]";
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void check_keys(const Json& object, std::span<const std::string_view> known, std::string_view where) {
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::vector<std::string> close = close_names(key, names);
    throw Error(ErrorCode::bad_input, fmt::format("unknown key '{}'", key), std::string(where),
                close.empty() ? fmt::format("the known keys are {}", fmt::join(known, ", "))
                              : fmt::format("did you mean '{}'?", fmt::join(close, "' or '")));
  }
}

Error wrong_value(std::string_view key, std::string_view expected, std::string_view where) {
  return Error(ErrorCode::bad_input, fmt::format("'{}' must be {}", key, expected), std::string(where));
}

int read_count(const Json& value, std::string_view key, std::string_view where) {
  constexpr std::int64_t kMost = 1 << 20;
  if (value.is_number_integer() && value >= 1 && value <= kMost) return value.get<int>();
  throw wrong_value(key, "a whole number above 0", where);
}

SizeRule read_size_rule(const Json& value, std::string_view key, std::string_view where) {
  if (value.is_null()) return {};
  if (value.is_number()) return SizeRule::side(read_count(value, key, where));
  if (!value.is_string()) throw wrong_value(key, "a number, \"WIDTHxHEIGHT\" or \"none\"", where);
  try {
    return parse_size_rule(value.get_ref<const std::string&>(), key);
  } catch (const Error& e) {
    throw Error(e.code(), e.message(), std::string(where), e.mend());
  }
}

Json size_rule_json(const SizeRule& rule) {
  return rule.kind == SizeRule::Kind::side ? Json(rule.width) : Json(to_string(rule));
}

Json number_list_json(std::span<const float> numbers) {
  Json list = Json::array();
  for (float v : numbers) {
    if (v == std::trunc(v) && std::abs(v) < 1e6F) {
      list.push_back(static_cast<int>(v));
      continue;
    }
    // As a double the shortest decimal of the float prints as that decimal.
    double shortest = v;
    const std::string text = fmt::format("{}", v);
    std::from_chars(text.data(), text.data() + text.size(), shortest);
    list.push_back(shortest);
  }
  return list;
}

int read_range(const Json& value, std::string_view where) {
  if (value.is_number() && (value == 1 || value == 255)) return value.get<int>();
  throw wrong_value("range", "1 or 255", where);
}

std::vector<float> read_numbers(const Json& value, std::string_view key, std::string_view where) {
  const Json list = value.is_number() ? Json::array({value}) : value;
  std::vector<float> numbers;
  if (list.is_array())
    for (const Json& number : list)
      if (number.is_number()) numbers.push_back(number.get<float>());
  const bool finite = std::all_of(numbers.begin(), numbers.end(), [](float v) { return std::isfinite(v); });
  if (!list.is_array() || numbers.size() != list.size() || !finite)
    throw wrong_value(key, "a number or a list of numbers", where);
  return numbers;
}

ChannelOrder read_order(const Json& value, std::string_view where) {
  if (value == "rgb") return ChannelOrder::rgb;
  if (value == "bgr") return ChannelOrder::bgr;
  throw wrong_value("order", "\"rgb\" or \"bgr\"", where);
}

}  // namespace limn
