# fetch: a hub on loopback that misbehaves; its lists, mutated
EXTRA_DIST += tests/fetch/hub.py
dist_check_SCRIPTS += tests/fetch/download.sh
if HAVE_CURL
check_PROGRAMS += tests/fetch/test_listing.t
tests_fetch_test_listing_t_SOURCES = tests/fetch/test_listing.c
tests_fetch_test_listing_t_LDADD = $(RT_LIBS)
endif
