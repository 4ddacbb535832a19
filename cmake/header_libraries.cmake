# Libraries of headers alone: needed to build limn, not to use it.
find_package(nlohmann_json REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
