# tests of model
EXTRA_DIST += tests/model/model_test.h
check_PROGRAMS += tests/model/test_gradient.t tests/model/test_window.t tests/model/test_modules.t tests/model/test_vision.t
tests_model_test_gradient_t_SOURCES = tests/model/test_gradient.c tests/model/model_test.c tests/model/model_test.h
tests_model_test_gradient_t_LDADD = $(RT_LIBS)
tests_model_test_window_t_SOURCES = tests/model/test_window.c
tests_model_test_window_t_LDADD = $(RT_LIBS)
tests_model_test_modules_t_SOURCES = tests/model/test_modules.c
tests_model_test_modules_t_LDADD = $(RT_LIBS)
tests_model_test_vision_t_SOURCES = tests/model/test_vision.c tests/model/model_test.c tests/model/model_test.h
tests_model_test_vision_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/model/test_again.t tests/model/test_memplan.t
tests_model_test_again_t_SOURCES = tests/model/test_again.c tests/model/model_test.c tests/model/model_test.h
tests_model_test_again_t_LDADD = $(RT_LIBS)
tests_model_test_memplan_t_SOURCES = tests/model/test_memplan.c
tests_model_test_memplan_t_LDADD = $(RT_LIBS)
