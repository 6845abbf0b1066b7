# tests of this folder
check_PROGRAMS += tests/report/test_report.t tests/report/test_event.t tests/report/test_resume.t \
    tests/report/test_console.t tests/report/test_plot.t
tests_report_test_report_t_SOURCES = tests/report/test_report.c tests/report/report_test.h tests/tap.h
tests_report_test_report_t_LDADD = $(RT_LIBS)
tests_report_test_event_t_SOURCES = tests/report/test_event.c tests/report/event_test.h tests/tap.h
tests_report_test_event_t_LDADD = $(RT_LIBS)
tests_report_test_resume_t_SOURCES = tests/report/test_resume.c tests/report/report_test.h tests/report/event_test.h \
    tests/tap.h
tests_report_test_resume_t_LDADD = $(RT_LIBS)
tests_report_test_console_t_SOURCES = tests/report/test_console.c tests/report/report_test.h tests/tap.h
tests_report_test_console_t_LDADD = $(RT_LIBS)
tests_report_test_plot_t_SOURCES = tests/report/test_plot.c tests/report/report_test.h tests/tap.h
tests_report_test_plot_t_LDADD = $(RT_LIBS)
EXTRA_DIST += tests/peers/check_report.py tests/golden/report/record.sh tests/golden/report/alone.eval_results.json \
    tests/golden/report/alone.trainer_log.jsonl tests/golden/report/plain.train_results.json \
    tests/golden/report/plain.trainer_log.jsonl tests/golden/report/plain.trainer_state.json \
    tests/golden/report/tokens.all_results.json tests/golden/report/tokens.checkpoint.json \
    tests/golden/report/tokens.eval_results.json tests/golden/report/tokens.train_results.json \
    tests/golden/report/tokens.trainer_log.jsonl tests/golden/report/tokens.trainer_state.json
check_PROGRAMS += tests/report/test_adopt.t
tests_report_test_adopt_t_SOURCES = tests/report/test_adopt.c tests/report/report_test.h tests/tap.h
tests_report_test_adopt_t_LDADD = $(RT_LIBS)
