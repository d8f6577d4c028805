"""Every address of projects. They are permanent: mails and tickets carry them."""

from django.urls import path

from projects.views import buckets, operations, projects

urlpatterns = [
    path("", projects.home, name="home"),
    path("projects/<slug:slug>/", projects.overview, name="project"),
    path("projects/<slug:slug>/closed/", projects.project_closed, name="project_closed"),
    path("projects/<slug:slug>/activity/", projects.activity, name="activity"),
    path("projects/<slug:slug>/buckets/", buckets.bucket_list, name="buckets"),
    path("projects/<slug:slug>/new-bucket/", buckets.bucket_create, name="bucket_create"),
    path("projects/<slug:slug>/new-bucket/name/", buckets.bucket_name_check, name="bucket_name_check"),
    path("projects/<slug:slug>/buckets/<slug:name>/", buckets.bucket_detail, name="bucket"),
    path("projects/<slug:slug>/buckets/<slug:name>/row/", buckets.bucket_row, name="bucket_row"),
    path("projects/<slug:slug>/buckets/<slug:name>/activity/", projects.bucket_activity, name="bucket_activity"),
    path("projects/<slug:slug>/buckets/<slug:name>/technical/", buckets.bucket_technical, name="bucket_technical"),
    path("projects/<slug:slug>/buckets/<slug:name>/edit/", buckets.bucket_edit, name="bucket_edit"),
    path("projects/<slug:slug>/buckets/<slug:name>/delete/", buckets.bucket_delete, name="bucket_delete"),
    path("projects/<slug:slug>/operations/<uuid:pk>/", operations.operation_detail, name="operation"),
    path("projects/<slug:slug>/operations/<uuid:pk>/retry/", operations.operation_retry, name="operation_retry"),
    path("projects/<slug:slug>/operations/<uuid:pk>/cancel/", operations.operation_cancel, name="operation_cancel"),
    path("projects/<slug:slug>/operations/<uuid:pk>/remove/", operations.operation_remove, name="operation_remove"),
]
