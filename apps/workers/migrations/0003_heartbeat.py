from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workers", "0002_worker_launcher")]

    operations = [migrations.RenameField("worker", "beat_at", "heartbeat_at")]
