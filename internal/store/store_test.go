package store_test

import (
	"testing"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB, views ...store.View) storetest.Store { return storetest.New(t, views...) })
}

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB, views ...store.View) storetest.Store { return storetest.NewMemory(t, views...) })
}
