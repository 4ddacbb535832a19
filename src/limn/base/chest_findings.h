#pragma once
// What networks for ChestX-ray14 (Wang et al. 2017, arXiv 1705.02315) look for.

#include <array>
#include <string_view>

namespace limn {

/// In the order of CheXNet's outputs.
inline constexpr std::array<std::string_view, 14> kChestFindings{
    "Atelectasis", "Cardiomegaly", "Effusion",           "Infiltration",  "Mass",
    "Nodule",      "Pneumonia",    "Pneumothorax",       "Consolidation", "Edema",
    "Emphysema",   "Fibrosis",     "Pleural thickening", "Hernia"};

}  // namespace limn
