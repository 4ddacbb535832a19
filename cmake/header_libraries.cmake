# Needed to build limn, not to use it: libraries of headers alone, and OpenCV, which draws colormaps and letters for it.
find_package(nlohmann_json REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_library(LIMN_OPENCV_CORE opencv_core REQUIRED)
find_library(LIMN_OPENCV_IMGPROC opencv_imgproc REQUIRED)
find_path(LIMN_OPENCV_INCLUDE opencv2/core.hpp PATH_SUFFIXES opencv4 REQUIRED)
