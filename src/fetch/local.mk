# fetch: models and data sets from a hub; without libcurl the command says so.
if HAVE_CURL
librt_a_SOURCES += src/fetch/fetch.h src/fetch/fetch.c src/fetch/run.h src/fetch/item.c src/fetch/plan.c src/fetch/drive.c \
    src/fetch/worker.c src/fetch/body.c src/fetch/hub.c src/fetch/hub.h src/fetch/listing.c src/fetch/listing.h \
    src/fetch/names.c src/fetch/http.h src/fetch/exchange.c src/fetch/retry.c src/fetch/local.c src/fetch/local.h \
    src/fetch/digest.c src/fetch/digest.h src/fetch/comparer.c
else
librt_a_SOURCES += src/fetch/fetch.h src/fetch/fetch_none.c
endif
